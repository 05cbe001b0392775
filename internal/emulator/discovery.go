package emulator

import "net/http"

// openIDConfiguration is the metadata document, with the fields of
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#sample-response
type openIDConfiguration struct {
	TokenEndpoint         string   `json:"token_endpoint"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	JWKSURI               string   `json:"jwks_uri"`
	ResponseModes         []string `json:"response_modes_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	SigningAlgorithms     []string `json:"id_token_signing_alg_values_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	Scopes                []string `json:"scopes_supported"`
	Issuer                string   `json:"issuer"`
	RequestURI            bool     `json:"request_uri_parameter_supported"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	EndSessionEndpoint    string   `json:"end_session_endpoint"`
	Claims                []string `json:"claims_supported"`
	CloudInstance         string   `json:"cloud_instance_name"`
}

// serveConfiguration answers the metadata of a realm. Entra names no PKCE
// method in it, and the issuer of common is a template.
func (s *entra) serveConfiguration(w http.ResponseWriter, _ *http.Request, rlm realm) {
	base := "https://" + hostEntra + "/" + rlm.path
	issuer := issuerV2(rlm.tenant)
	if rlm.tenant == "" {
		issuer = issuerV2("{tenantid}")
	}
	w.Header().Set("Cache-Control", "max-age=86400, private")
	writeJSON(w, http.StatusOK, "", openIDConfiguration{
		TokenEndpoint:         base + "/oauth2/v2.0/token",
		TokenAuthMethods:      []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		JWKSURI:               base + "/discovery/v2.0/keys",
		ResponseModes:         []string{"query", "fragment", "form_post"},
		SubjectTypes:          []string{"pairwise"},
		SigningAlgorithms:     []string{"RS256"},
		ResponseTypes:         []string{"code", "id_token", "code id_token", "id_token token"},
		Scopes:                []string{"openid", "profile", "email", "offline_access"},
		Issuer:                issuer,
		AuthorizationEndpoint: base + "/oauth2/v2.0/authorize",
		EndSessionEndpoint:    base + "/oauth2/v2.0/logout",
		Claims:                []string{"sub", "iss", "cloud_instance_name", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "email"},
		CloudInstance:         "microsoftonline.com",
	})
}

// issuerV2 is the issuer of id tokens of a tenant, by id.
func issuerV2(tenant string) string { return "https://" + hostEntra + "/" + tenant + "/v2.0" }

// issuerV1 is the issuer of access tokens for Azure DevOps, which are of
// version 1: https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats
func issuerV1(tenant string) string { return "https://sts.windows.net/" + tenant + "/" }

// serveKeys answers the keys that tokens are signed with.
func (s *entra) serveKeys(w http.ResponseWriter, r *http.Request, _ realm) {
	key, err := s.signer.public()
	if err != nil {
		sts(50000, "server_error", "%s", err.Error()).write(w, r, s.now())
		return
	}
	writeJSON(w, http.StatusOK, "", map[string][]jwk{"keys": {key}})
}

// instance is one entry of the instance discovery.
type instance struct {
	Network string   `json:"preferred_network"`
	Cache   string   `json:"preferred_cache"`
	Aliases []string `json:"aliases"`
}

// serveInstance tells client libraries which host names are one cloud, as in
// https://github.com/AzureAD/microsoft-authentication-library-for-go (known_metadata.go).
func (s *entra) serveInstance(w http.ResponseWriter, r *http.Request, _ realm) {
	endpoint := r.URL.Query().Get("authorization_endpoint")
	if endpoint == "" {
		sts(50050, errInvalidRequest, "The discovery request is malformed.").write(w, r, s.now())
		return
	}
	writeJSON(w, http.StatusOK, "", map[string]any{
		"tenant_discovery_endpoint": "https://" + hostEntra + "/common/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []instance{{
			Network: hostEntra, Cache: "login.windows.net",
			Aliases: []string{hostEntra, "login.windows.net", "login.microsoft.com", "sts.windows.net"},
		}},
	})
}
