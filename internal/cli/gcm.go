package cli

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitpatrol/patrol/internal/doctor"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
)

// meaning is what patrol makes of a setting of Git Credential Manager.
type meaning string

const (
	honoured    meaning = "honoured"
	notNeeded   meaning = "not needed"
	unsupported meaning = "not supported"
	unknown     meaning = "unknown"
)

// gcmSetting is a setting of Git Credential Manager.
// See https://github.com/git-ecosystem/git-credential-manager/blob/main/docs/configuration.md and
// https://github.com/git-ecosystem/git-credential-manager/blob/main/docs/environment.md.
type gcmSetting struct {
	key     string // below credential., as its documents write it
	env     string
	meaning meaning
	why     string
}

// gcmSettings lists them all.
func gcmSettings() []gcmSetting {
	const (
		browser   = "patrol signs in with your own browser, and in no other way"
		otherHost = "patrol signs in to Azure Repos alone; for other hosts it keeps what Git gives it"
		machines  = "patrol signs in as a person; log in with a token of such an account: patrol login --pat"
		traces    = "patrol writes no traces"
		taken     = "patrol import looks there"
	)
	return []gcmSetting{
		{"azreposCredentialType", "GCM_AZREPOS_CREDENTIALTYPE", honoured, "as patrol.credential: pat is pat, oauth is entra"},
		{"interactive", "GCM_INTERACTIVE", honoured, "whether a person is asked while Git runs"},
		{"credentialStore", "GCM_CREDENTIAL_STORE", honoured, taken},
		{"plaintextStorePath", "GCM_PLAINTEXT_STORE_PATH", honoured, taken},
		{"gpgPassStorePath", "", honoured, taken},
		{"cacheOptions", "GCM_CREDENTIAL_CACHE_OPTIONS", honoured, taken},
		{"namespace", "GCM_NAMESPACE", honoured, taken},
		{"", "GCM_GPG_PATH", honoured, taken},
		{"useHttpPath", "", honoured, "it is Git's own"},
		{"msauthFlow", "GCM_MSAUTH_FLOW", notNeeded, browser},
		{"guiPrompt", "GCM_GUI_PROMPT", notNeeded, "patrol has no windows of its own"},
		{"guiSoftwareRendering", "GCM_GUI_SOFTWARE_RENDERING", notNeeded, "patrol has no windows of its own"},
		{"uiHelper", "GCM_UI_HELPER", notNeeded, "patrol has no windows of its own"},
		{"devUseLegacyUiHelpers", "GCM_DEV_USELEGACYUIHELPERS", notNeeded, "patrol has no windows of its own"},
		{"", "GCM_MODAL_PARENTHWND", notNeeded, "patrol has no windows of its own"},
		{"msauthUseBroker", "GCM_MSAUTH_USEBROKER", notNeeded, browser},
		{"msauthUseDefaultAccount", "GCM_MSAUTH_USEDEFAULTACCOUNT", notNeeded, browser},
		{"allowWindowsAuth", "GCM_ALLOW_WINDOWSAUTH", notNeeded, "Azure DevOps Services do not use it"},
		{"azureAuthority", "", notNeeded, "patrol asks the organisation for its tenant"},
		{"authority", "GCM_AUTHORITY", notNeeded, "patrol asks the organisation for its tenant"},
		{"provider", "GCM_PROVIDER", notNeeded, "patrol knows Azure Repos by the host"},
		{"autoDetectTimeout", "GCM_AUTODETECT_TIMEOUT", notNeeded, "patrol knows Azure Repos by the host"},
		{"dpapiStorePath", "GCM_DPAPI_STORE_PATH", notNeeded, "it is for Windows"},
		{"trace", "GCM_TRACE", notNeeded, traces},
		{"traceSecrets", "GCM_TRACE_SECRETS", notNeeded, traces},
		{"traceMsAuth", "GCM_TRACE_MSAUTH", notNeeded, traces},
		{"debug", "GCM_DEBUG", notNeeded, traces},
		{"httpProxy", "GCM_HTTP_PROXY", unsupported, "set http.proxy, which Git itself obeys too"},
		{"httpsProxy", "", unsupported, "set http.proxy, which Git itself obeys too"},
		{"allowUnsafeRemotes", "GCM_ALLOW_UNSAFE_REMOTES", unsupported, "patrol sends nothing over http"},
		{"azreposManagedIdentity", "GCM_AZREPOS_MANAGEDIDENTITY", unsupported, machines},
		{"azreposServicePrincipal", "GCM_AZREPOS_SERVICE_PRINCIPAL", unsupported, machines},
		{"azreposServicePrincipalSecret", "GCM_AZREPOS_SP_SECRET", unsupported, machines},
		{"azreposServicePrincipalCertificateThumbprint", "GCM_AZREPOS_SP_CERT_THUMBPRINT", unsupported, machines},
		{"azreposServicePrincipalCertificateSendX5C", "GCM_AZREPOS_SP_CERT_SEND_X5C", unsupported, machines},
		{"azreposWorkloadFederation", "GCM_AZREPOS_WIF", unsupported, machines},
		{"azreposWorkloadFederationClientId", "GCM_AZREPOS_WIF_CLIENTID", unsupported, machines},
		{"azreposWorkloadFederationTenantId", "GCM_AZREPOS_WIF_TENANTID", unsupported, machines},
		{"azreposWorkloadFederationAudience", "GCM_AZREPOS_WIF_AUDIENCE", unsupported, machines},
		{"azreposWorkloadFederationAssertion", "GCM_AZREPOS_WIF_ASSERTION", unsupported, machines},
		{"azreposWorkloadFederationManagedIdentity", "GCM_AZREPOS_WIF_MANAGEDIDENTITY", unsupported, machines},
		{"gitHub*", "GCM_GITHUB_*", notNeeded, otherHost},
		{"gitLab*", "GCM_GITLAB_*", notNeeded, otherHost},
		{"bitbucket*", "GCM_BITBUCKET_*", notNeeded, otherHost},
		{"oauth*", "GCM_OAUTH_*", notNeeded, otherHost},
		{"azreposDev*", "GCM_DEV_*", notNeeded, "it is for Git Credential Manager's own developers"},
	}
}

// gcmFound is a setting of Git Credential Manager that is set here.
type gcmFound struct {
	Name    string  `json:"name"`
	Origin  string  `json:"origin"`
	Meaning meaning `json:"meaning"`
	Why     string  `json:"why"`
}

// gcmSettings lists what is set, without the values.
func (s *session) gcmSettings() []gcmFound {
	list := []gcmFound{}
	add := func(name, origin string, match func(gcmSetting) bool) {
		all := gcmSettings()
		f := gcmFound{name, origin, unknown, "neither Git, patrol nor the documents of Git Credential Manager know it"}
		if n := slices.IndexFunc(all, match); n >= 0 {
			f.Meaning, f.Why = all[n].meaning, all[n].why
		}
		if !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	for _, e := range s.config.Entries() {
		name := e.Key[strings.LastIndexByte(e.Key, '.')+1:]
		if !strings.HasPrefix(e.Key, "credential.") || ownCredentialKey(name) {
			continue
		}
		add("credential."+name, s.short(e.File()), func(g gcmSetting) bool { return matchesName(g.key, name) })
	}
	for _, kv := range s.Environ {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "GCM_") {
			add(name, "the environment", func(g gcmSetting) bool { return matchesName(g.env, name) })
		}
	}
	return list
}

// ownCredentialKey says that Git or patrol itself knows credential.NAME.
// See https://git-scm.com/docs/git-config#Documentation/git-config.txt-credentialhelper.
func ownCredentialKey(name string) bool {
	return strings.HasPrefix(name, "patrol") ||
		slices.Contains([]string{"helper", "usehttppath", "username", "interactive", "sanitizeprompt", "protectprotocol"}, name)
}

// matchesName compares a name with one of the list, in which a star stands for
// any end.
func matchesName(pattern, name string) bool {
	pattern, name = strings.ToLower(pattern), strings.ToLower(name)
	start, open := strings.CutSuffix(pattern, "*")
	return pattern != "" && (pattern == name || open && strings.HasPrefix(name, start))
}

// gcmChecks is doctor's look at them.
func gcmChecks() []doctor.Check {
	return []doctor.Check{{
		ID:       "gcm-setting",
		Title:    "a setting of Git Credential Manager that patrol does not follow",
		Why:      "Whoever set it expects something of it.",
		Severity: doctor.Low,
		Find: func(_ context.Context, m *doctor.Machine) (found []doctor.Finding, err error) {
			s := &session{app: &app{Env: Env{Environ: m.Environ}}, config: m.Config}
			for _, f := range s.unfollowed() {
				found = append(found, doctor.Finding{Where: f.Origin, What: f.Name + " is " + string(f.Meaning), Remedy: f.Why})
			}
			return found, nil
		},
	}}
}

// unfollowed lists the settings that patrol does not follow.
func (s *session) unfollowed() []gcmFound {
	return slices.DeleteFunc(s.gcmSettings(), func(f gcmFound) bool { return f.Meaning != unknown && f.Meaning != unsupported })
}

// tellSettings names the settings of Git Credential Manager that patrol does not
// follow.
func (s *session) tellSettings() {
	if s.json {
		return
	}
	for _, f := range s.unfollowed() {
		s.note("%s (%s) is %s: %s", f.Name, f.Origin, f.Meaning, f.Why)
	}
}

// gcmValue is the value of a setting of Git Credential Manager for Azure Repos,
// "" if it is not set. As there, the environment goes before the configuration.
func (s *session) gcmValue(key string) string {
	all := gcmSettings()
	n := slices.IndexFunc(all, func(g gcmSetting) bool { return g.key == key })
	if n >= 0 && all[n].env != "" {
		if value, set := s.lookup(all[n].env); set {
			return value
		}
	}
	e, _ := s.config.Credential(git.Target{Protocol: "https", Host: helper.AzureHost}, key)
	return e.Value
}

// gcmPath is the value of such a setting as an absolute path, "" if it is none.
func (s *session) gcmPath(key string) string {
	path := s.gcmValue(key)
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = filepath.Join(s.getenv("HOME"), rest)
	}
	if !filepath.IsAbs(path) {
		return ""
	}
	return path
}
