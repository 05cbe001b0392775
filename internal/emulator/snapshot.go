package emulator

import (
	"maps"
	"slices"
)

// State describes the emulator as it is now, without any secret.
func (e *Emulator) State() State {
	s := State{
		Clock:    e.Now(),
		ProxyURL: e.ProxyURL(),
		CAFile:   e.CAFile(),
		Users:    []string{},
		PATs:     e.PATs(),
		SSHKeys:  e.SSHKeys(),
		Faults:   e.Faults(),
		Requests: len(e.Requests()),
	}
	for _, name := range slices.Sorted(maps.Keys(e.world.orgs)) {
		o := e.world.orgs[name]
		so := StateOrganization{Name: o.name, Tenant: o.tenant, InstanceID: o.instanceID, Stopped: o.stopped, CloneURLs: []string{}}
		for _, r := range o.repositories() {
			so.CloneURLs = append(so.CloneURLs, e.describeRepository(r).WebURL)
		}
		s.Organizations = append(s.Organizations, so)
	}
	for _, name := range slices.Sorted(maps.Keys(e.world.users)) {
		s.Users = append(s.Users, e.world.users[name].upn)
	}
	return s
}
