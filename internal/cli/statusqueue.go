package cli

import "github.com/gitpatrol/patrol/internal/cred"

// showSignIns shows from what tokens are made anew, and where they are not.
func (a *app) showSignIns(st *status) {
	for _, si := range st.SignIns {
		a.print("Sign-in: %s since %s\n", cred.Escape(si.Account), day(si.Since))
	}
	for _, si := range st.Ended {
		a.print("Sign-in: that of %s is over: %s\n", cred.Escape(si.Account), cred.Escape(si.Over))
	}
	for _, v := range st.Verdicts {
		a.print("No PAT:  %s: %s; tried again %s\n", v.Org, cred.Escape(v.Reason), day(v.Until))
	}
}

// showQueue shows what is still to be done on the server.
func (a *app) showQueue(st *status) {
	for _, t := range st.Tokens {
		if t.Tries > 0 {
			a.print("Renewal: of the token for %s %s\n", t.Org, tried(t))
		}
	}
	for _, t := range st.Queue {
		switch {
		case t.ServerID == "" && t.Tries > 0:
			a.print("Queue:   a token %q may have been made for %s; it was looked for %s, and is looked for again\n", t.Name, t.Org, count(t.Tries, "time", "times"))
		case t.ServerID == "":
			a.print("Queue:   a token %q may have been made for %s; the next run of patrol looks for it\n", t.Name, t.Org)
		case t.Tries == 0 && a.Now().Before(t.NextTry):
			a.print("Queue:   %s of %s for %s was renewed; it is revoked %s\n", t.ServerID, cred.Escape(t.Account), t.Org, day(t.NextTry))
		default:
			a.print("Queue:   %s of %s for %s is to be revoked; %s\n", t.ServerID, cred.Escape(t.Account), t.Org, tried(t))
		}
	}
}

func tried(t token) string {
	if t.Tries == 0 {
		return "not tried yet"
	}
	return "tried " + count(t.Tries, "time", "times") + ", last: " + cred.Escape(t.Reason)
}
