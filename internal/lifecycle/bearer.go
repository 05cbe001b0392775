package lifecycle

import (
	"context"
	"errors"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/helper"
)

// Bearer signs in to the organisation of t, silently if possible, for calls
// that no personal access token may make, and says who signed in.
func (k *Keeper) Bearer(ctx context.Context, t helper.Target) (azdo.Auth, azdo.Connection, error) {
	s, err := k.access(ctx, t, "")
	if err != nil {
		return azdo.Auth{}, azdo.Connection{}, err
	}
	auth := azdo.Bearer(s.token)
	conn, err := k.Server.Connection(ctx, t.Org, auth)
	if errors.Is(err, azdo.ErrRefused) || errors.Is(err, azdo.ErrForbidden) {
		err = &NotMember{Account: s.account, Org: t.Org, Err: err}
	}
	return auth, conn, err
}
