package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// Code is the answer to the control call "totp".
type Code struct {
	Code string `json:"code"`
}

// Bearer is the answer to the control call "bearer".
type Bearer struct {
	Token string `json:"token"`
}

func (e *Emulator) controlUser(r *http.Request) (any, error) {
	var c UserChange
	if err := readControl(r, &c); err != nil {
		return nil, err
	}
	return map[string]UserAction{"done": c.Action}, e.ChangeUser(c)
}

func (e *Emulator) controlTOTP(r *http.Request) (any, error) {
	var c UserChange
	if err := readControl(r, &c); err != nil {
		return nil, err
	}
	code, err := e.TOTP(c.User)
	return Code{code}, err
}

func (e *Emulator) controlBearer(r *http.Request) (any, error) {
	var o BearerOptions
	if err := readControl(r, &o); err != nil {
		return nil, err
	}
	token, err := e.MintBearer(o)
	return Bearer{token}, err
}

// PolicyChange is the body of the control call "policy": one of the two
// names, and the fields to change. Without any it asks.
type PolicyChange struct {
	Organization string          `json:"organization,omitempty"`
	Tenant       string          `json:"tenant,omitempty"`
	Set          json.RawMessage `json:"set,omitempty"`
}

// controlPolicy changes single fields of a policy and answers all of it.
func (e *Emulator) controlPolicy(r *http.Request) (any, error) {
	var change PolicyChange
	if err := readControl(r, &change); err != nil {
		return nil, err
	}
	switch {
	case (change.Organization == "") == (change.Tenant == ""):
		return nil, fmt.Errorf("organization or tenant is needed")
	case change.Tenant != "":
		p, err := e.TenantPolicy(change.Tenant)
		if err == nil {
			err = mergeStrictly(change.Set, &p)
		}
		if err == nil {
			err = e.SetTenantPolicy(change.Tenant, p)
		}
		return p, err
	}
	p, err := e.OrgPolicy(change.Organization)
	if err == nil {
		err = mergeStrictly(change.Set, &p)
	}
	if err == nil {
		err = e.SetOrgPolicy(change.Organization, p)
	}
	return p, err
}

// mergeStrictly sets the fields that data names.
func mergeStrictly(data json.RawMessage, into any) error {
	if len(data) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
