package cli

import (
	"strings"
	"testing"
)

// Every setting that the documents of Git Credential Manager name has a meaning
// here, and nothing else has.
// See https://github.com/git-ecosystem/git-credential-manager/blob/main/docs/configuration.md and environment.md.
func TestGCMSettings(t *testing.T) {
	t.Parallel()
	of := func(name string, field func(gcmSetting) string) (found []gcmSetting) {
		for _, g := range gcmSettings() {
			if matchesName(field(g), name) {
				found = append(found, g)
			}
		}
		return found
	}
	key, env := func(g gcmSetting) string { return g.key }, func(g gcmSetting) string { return g.env }
	for _, name := range strings.Fields(`allowUnsafeRemotes allowWindowsAuth authority autoDetectTimeout
		azreposCredentialType azreposManagedIdentity azreposServicePrincipal azreposServicePrincipalCertificateSendX5C
		azreposServicePrincipalCertificateThumbprint azreposServicePrincipalSecret azreposWorkloadFederation
		azreposWorkloadFederationAssertion azreposWorkloadFederationAudience azreposWorkloadFederationClientId
		azreposWorkloadFederationManagedIdentity azreposWorkloadFederationTenantId bitbucketAlwaysRefreshCredentials bitbucketAuthModes
		bitbucketDataCenterOAuthClientId bitbucketDataCenterOAuthClientSecret bitbucketValidateStoredCredentials cacheOptions
		credentialStore debug dpapiStorePath gitHubAccountFiltering gitHubAuthModes gitLabAuthModes gpgPassStorePath guiPrompt
		guiSoftwareRendering httpProxy interactive msauthFlow msauthUseBroker msauthUseDefaultAccount namespace plaintextStorePath
		provider trace traceMsAuth traceSecrets useHttpPath`) {
		if found := of(strings.ToLower(name), key); len(found) != 1 || found[0].why == "" {
			t.Errorf("credential.%s: %v", name, found)
		}
	}
	for _, name := range strings.Fields(`GCM_ALLOW_UNSAFE_REMOTES GCM_ALLOW_WINDOWSAUTH GCM_AUTHORITY GCM_AUTODETECT_TIMEOUT
		GCM_AZREPOS_CREDENTIALTYPE GCM_AZREPOS_MANAGEDIDENTITY GCM_AZREPOS_SERVICE_PRINCIPAL GCM_AZREPOS_SP_CERT_SEND_X5C
		GCM_AZREPOS_SP_CERT_THUMBPRINT GCM_AZREPOS_SP_SECRET GCM_AZREPOS_WIF GCM_AZREPOS_WIF_ASSERTION GCM_AZREPOS_WIF_AUDIENCE
		GCM_AZREPOS_WIF_CLIENTID GCM_AZREPOS_WIF_MANAGEDIDENTITY GCM_AZREPOS_WIF_TENANTID GCM_BITBUCKET_AUTHMODES
		GCM_BITBUCKET_DATACENTER_CLIENTSECRET GCM_CREDENTIAL_CACHE_OPTIONS GCM_CREDENTIAL_STORE GCM_DEBUG GCM_DPAPI_STORE_PATH
		GCM_GITHUB_ACCOUNTFILTERING GCM_GITLAB_AUTHMODES GCM_GPG_PATH GCM_GUI_PROMPT GCM_GUI_SOFTWARE_RENDERING GCM_HTTP_PROXY
		GCM_INTERACTIVE GCM_MSAUTH_FLOW GCM_MSAUTH_USEBROKER GCM_MSAUTH_USEDEFAULTACCOUNT GCM_NAMESPACE GCM_PLAINTEXT_STORE_PATH
		GCM_PROVIDER GCM_TRACE GCM_TRACE_MSAUTH GCM_TRACE_SECRETS`) {
		if found := of(name, env); len(found) != 1 || found[0].why == "" {
			t.Errorf("%s: %v", name, found)
		}
	}
	for _, name := range []string{"colour", "", "credentialstores", "azrepos"} {
		if found := append(of(name, key), of("GCM_"+strings.ToUpper(name), env)...); len(found) != 0 {
			t.Errorf("%q: %v", name, found)
		}
	}
}

func TestOption(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"--file /a": "/a", "--file=/a": "/a", "--timeout 3 --file '/a'": "/a", "--file": "", "": "", "--files /a": "",
	} {
		if got := option(strings.Fields(line), "--file"); got != want {
			t.Errorf("%q: %q", line, got)
		}
	}
}
