package cli

import (
	"context"

	"github.com/gitpatrol/patrol/internal/vault"
)

// sshPlan is what rotate would do.
type sshPlan struct {
	Unfinished string `json:"unfinished,omitempty"` // the new key of an interrupted run
	Bits       int    `json:"bits"`
	AddedBy    string `json:"addedBy"` // call, person
	Config     string `json:"config"`  // is changed
	Old        string `json:"old,omitempty"`
	OldOnDisk  string `json:"oldOnDisk,omitempty"` // deleted, stays
	OldThere   string `json:"oldOnServer,omitempty"`
}

// plan says what rotate would do.
func (r *sshRun) plan(ctx context.Context, all *vault.Records, rec *vault.Record) error {
	old := r.current(all)
	p := sshPlan{Bits: r.f.bits, AddedBy: "person", Config: r.configFile()}
	if rec != nil {
		p.Unfinished = rec.Path
		old = all.Find(rec.Predecessor)
		if due := r.due(all); old == nil && len(due) > 0 {
			old = due[0]
		}
	} else if old == nil {
		var err error
		if old, err = r.found(ctx, all); err != nil {
			return err
		}
	}
	if r.f.experimental {
		p.AddedBy = "call"
	}
	if old != nil {
		p.Old, p.OldOnDisk, p.OldThere = old.Path, "stays", "stays"
		if r.own(all, old) {
			p.OldOnDisk, p.OldThere = "deleted", "deleted"
		} else if r.f.deleteOld {
			p.OldThere = "deleted"
		}
	}
	if r.json {
		return r.printJSON(p)
	}
	r.showPlan(p)
	return nil
}

func (r *sshRun) showPlan(p sshPlan) {
	switch {
	case p.Unfinished != "":
		r.print("The interrupted run would go on with %s.\n", p.Unfinished)
	case r.f.experimental:
		r.print("A new RSA key of %d bits would be made in %s and added to your account by an undocumented call.\n", p.Bits, r.dir)
	default:
		r.print("A new RSA key of %d bits would be made in %s and added to your account by you, at %s\n", p.Bits, r.dir, keysPage(r.t.Org))
	}
	r.print("It would be tried with ssh, and named in %s.\n", p.Config)
	switch {
	case p.Old == "":
	case p.OldOnDisk == "deleted":
		r.print("Then %s would be deleted, on the server and here.\n", p.Old)
	case p.OldThere == "deleted":
		r.print("Then %s would be deleted on the server, and stay here: you made it.\n", p.Old)
	default:
		r.print("%s would stay, here and on the server: you made it.\n", p.Old)
	}
}
