package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// DiscoverTenant asks Azure DevOps, without a credential, which Entra tenant an
// organisation belongs to. What Git relays of a server's headers is not asked:
// the repository chooses that server.
//
// The kinds of errors beside those of any request: ErrPersonal,
// ErrNoOrganization, ErrTenants when the answer names more than one tenant or an
// authority that is not Entra's.
func DiscoverTenant(ctx context.Context, c Config, organization string) (string, error) {
	if !validOrganization(organization) {
		return "", &Error{Kind: ErrNoOrganization, Op: "find the tenant", Err: errors.New("that is not the name of an organization")}
	}
	a, err := c.send(ctx, call{
		op:  "find the tenant of " + organization,
		url: "https://dev.azure.com/" + organization + "/",
		// 401 with all headers, instead of a redirect to the sign-in page.
		header: map[string]string{"X-TFS-FedAuthRedirect": "Suppress"},
	})
	if err != nil {
		return "", err
	}
	named, err := tenants(a.header)
	switch {
	case err != nil:
		return "", a.failure(ErrTenants, err)
	case len(named) > 1:
		return "", a.failure(ErrTenants, fmt.Errorf("it names %s", strings.Join(named, " and ")))
	case a.status == http.StatusNotFound:
		return "", a.failure(ErrNoOrganization, nil)
	case a.busy():
		return "", a.failure(ErrTemporary, nil)
	case len(named) == 0:
		return "", a.unusable(errors.New("it does not name a tenant"))
	case named[0] == zeroGUID:
		return "", a.failure(ErrPersonal, nil)
	}
	return named[0], nil
}

// tenants collects every tenant that an answer of Azure DevOps names, once.
func tenants(h http.Header) ([]string, error) {
	var all []string
	add := func(id string) error {
		if id = guid(strings.TrimSpace(id)); id == "" {
			return errors.New("it names a tenant that is not a GUID")
		}
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
		return nil
	}
	for _, c := range challenges(h.Values("WWW-Authenticate")) {
		authority, ok := c.params["authorization_uri"]
		if !ok || !strings.EqualFold(c.scheme, "Bearer") {
			continue
		}
		// Unquoted, and with nothing after the tenant, as in
		// https://github.com/microsoft/azure-pipelines-agent/issues/1164.
		u, err := url.Parse(authority)
		if err != nil || u.Scheme != "https" || u.Host != entraHost || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, errors.New("it names an authority that is not Microsoft Entra's public one")
		}
		if err := add(strings.Trim(u.Path, "/")); err != nil {
			return nil, err
		}
	}
	for _, value := range h.Values("X-VSS-ResourceTenant") {
		for id := range strings.SplitSeq(value, ",") {
			if err := add(id); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}
