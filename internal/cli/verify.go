package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
)

func tokensPage(org string) string {
	return "https://" + helper.AzureHost + "/" + org + "/_usersSettings/tokens"
}

// verify asks an organisation whose a token is, through the proxy and with the
// certificates that Git is configured for.
func (s *session) verify(ctx context.Context, org string, token cred.Secret) (azdo.Connection, error) {
	defer s.progress("asking " + org + " about the token ...")()
	transport := s.transport()
	defer transport.CloseIdleConnections()
	client := azdo.New(azdo.Config{Version: buildVersion(), Transport: transport, Now: s.Now})
	return client.Connection(ctx, org, azdo.PAT(token))
}

// progress says what takes so long, once it takes over a second.
func (a *app) progress(what string) (stop func()) {
	timer := time.AfterFunc(time.Second, func() { a.note("%s", what) })
	return func() { timer.Stop() }
}

// explainServer explains the errors of a call to Azure DevOps; nil for others.
func explainServer(err error) *problem {
	var e *azdo.Error
	if !errors.As(err, &e) {
		return nil
	}
	p := &problem{what: e.Error(), code: helper.Failed}
	switch {
	case errors.Is(err, azdo.ErrRefused):
		p.hint, p.code = "patrol login ORG", helper.SignIn
	case errors.Is(err, azdo.ErrUnknownOutcome), errors.Is(err, azdo.ErrOrphan):
		p.hint = "type the command again: patrol finds what was made, and revokes it"
	case errors.Is(err, azdo.ErrDeclined):
		p.hint = "nothing was changed; an administrator of the organisation knows its policies"
	case errors.Is(err, azdo.ErrForbidden):
		p.hint = "the token is alive; see its scopes in the portal, or ask an administrator of the organisation"
	case errors.Is(err, azdo.ErrThrottled):
		p.hint = "nothing was changed; wait and try again"
		if e.RetryAfter > 0 {
			p.hint = fmt.Sprintf("nothing was changed; try again in %s", e.RetryAfter)
		}
	case errors.Is(err, azdo.ErrNoOrganization):
		p.hint = "see the organisation's name in the URL of the repository: https://dev.azure.com/ORG/..."
	case errors.Is(err, azdo.ErrStopped):
		p.hint = "nothing was changed; its owner can start it again"
	case errors.Is(err, azdo.ErrTLS):
		p.hint = "if your company inspects TLS, name its certificate: git config --global http.sslCAInfo FILE"
	case errors.Is(err, azdo.ErrProxy):
		p.hint = "see http.proxy in git config, and HTTPS_PROXY"
	case errors.Is(err, azdo.ErrNetwork):
		p.hint = "nothing was changed; see whether you are online, and try again"
	default:
		p.hint = "nothing was changed; something between here and Azure DevOps answered in its place (a proxy, a portal)"
	}
	return p
}
