package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/lifecycle"
)

// networkChecks are about reaching the servers that patrol needs.
func networkChecks() []Check {
	return []Check{{
		ID:       "unreachable",
		Title:    "a server that patrol needs cannot be reached, or not safely",
		Why:      "Without it no token can be made, checked or revoked, and Git will not get through either.",
		Severity: Medium,
		Online:   true,
		Find:     findUnreachable,
	}, {
		ID:       "ssl-verify-off",
		Title:    "Git does not check whom it talks to",
		Why:      "With http.sslVerify off, whoever sits in the network between gets the token that Git sends. patrol itself always checks.",
		Remedy:   "take it out, and name your company's certificate instead: git config --global http.sslCAInfo FILE",
		Severity: High,
		Find:     findNoVerify,
	}, {
		ID:       "clock",
		Title:    "this machine's clock is wrong",
		Why:      "The end of a token is compared with the clock: a wrong one makes good tokens look dead, or dead ones good, and sign-ins fail.",
		Remedy:   "timedatectl set-ntp true",
		Severity: Medium,
		Online:   true,
		Find:     findClock,
	}}
}

// servers are those every sign-in and token needs.
// See https://learn.microsoft.com/azure/devops/organizations/security/allow-list-ip-url.
func servers() []string { return []string{helper.AzureHost, lifecycle.EntraHost} }

func findUnreachable(ctx context.Context, m *Machine) ([]Finding, error) {
	var found []Finding
	for _, host := range servers() {
		_, err := m.Server.Reach(ctx, "https://"+host+"/")
		if err == nil {
			continue
		}
		f := Finding{Where: host, What: err.Error()}
		switch text := err.Error(); {
		case errors.Is(err, azdo.ErrTLS) && strings.Contains(text, "unknown authority"):
			f.Remedy = "if your company inspects TLS, name its certificate: git config --global http.sslCAInfo FILE; else something in the network pretends to be " + host
		case errors.Is(err, azdo.ErrTLS):
			f.Remedy = "something else answers in its place, such as the sign-in page of a network; open a web page in a browser and sign in there"
		case errors.Is(err, azdo.ErrProxy):
			f.Remedy = "see http.proxy in git config, and HTTPS_PROXY: the proxy's address, user name and password, and whether it lets " + host + " through"
		case errors.Is(err, azdo.ErrReply):
			f.Remedy = "sign in to the network with a browser first"
		default:
			f.Remedy = "see whether you are online, and whether a firewall wants a proxy: git config --global http.proxy URL"
		}
		found = append(found, f)
	}
	return found, nil
}

func findNoVerify(_ context.Context, m *Machine) ([]Finding, error) {
	var found []Finding
	if m.Getenv("GIT_SSL_NO_VERIFY") != "" {
		found = append(found, Finding{Where: "GIT_SSL_NO_VERIFY in the environment", What: "Git accepts any certificate", Remedy: "unset GIT_SSL_NO_VERIFY"})
	}
	for _, host := range append(servers(), "org.visualstudio.com") {
		e, ok := m.Config.HTTP("https://"+host+"/", "sslVerify")
		if on, err := e.Bool(); !ok || err != nil || on {
			continue
		}
		f := Finding{Where: m.origin(e), What: SafeKey(e.Key) + " is false, so Git accepts any certificate for " + host}
		if len(found) == 0 || found[len(found)-1].Where != f.Where {
			found = append(found, f)
		}
	}
	return found, nil
}

// maxSkew is how wrong a clock may be. Entra accepts as much from its own
// services; see https://learn.microsoft.com/entra/identity-platform/access-tokens.
const maxSkew = 5 * time.Minute

func findClock(ctx context.Context, m *Machine) ([]Finding, error) {
	server, err := m.Server.Reach(ctx, "https://"+helper.AzureHost+"/")
	if err != nil {
		return nil, err
	}
	if server.IsZero() {
		return nil, errors.New(helper.AzureHost + " does not tell the time")
	}
	off := m.Now().Sub(server)
	if off.Abs() <= maxSkew {
		return nil, nil
	}
	way := "ahead of"
	if off < 0 {
		way = "behind"
	}
	return []Finding{{Where: "the system clock", What: fmt.Sprintf("it is %s %s that of %s", off.Abs().Round(time.Minute), way, helper.AzureHost)}}, nil
}
