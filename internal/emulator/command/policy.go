package command

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/gitpatrol/patrol/internal/emulator"
)

func policy() subcommand {
	return subcommand{
		name:    "policy",
		summary: "show or change what an organization or a tenant has decided",
		help: `
usage: azdo-emulator policy (org NAME | tenant NAME) [FIELD=VALUE...]

Prints the policy as JSON, after the change. Fields are listed in
docs/emulator.md; a list is written with commas, and FIELD= sets it back.

  azdo-emulator policy org contoso restrictPats=true patUsers=adam@contoso.com
  azdo-emulator policy tenant contoso maxPatDays=3 conditionalAccess=block
  azdo-emulator policy org contoso restrictPats=
`,
		run: runPolicy,
	}
}

func runPolicy(ctx context.Context, p Program, args []string) error {
	rest, err := parse(flag.NewFlagSet("policy", flag.ContinueOnError), args, 2, -1)
	if err != nil {
		return err
	}
	change := emulator.PolicyChange{}
	var fields reflect.Type
	switch rest[0] {
	case "org":
		change.Organization, fields = rest[1], reflect.TypeFor[emulator.OrgPolicy]()
	case "tenant":
		change.Tenant, fields = rest[1], reflect.TypeFor[emulator.TenantPolicy]()
	default:
		return usageError{fmt.Errorf("%q is not one of org and tenant", rest[0])}
	}
	if change.Set, err = parseFields(rest[2:], fields); err != nil {
		return usageError{err}
	}
	r, err := p.connect()
	if err != nil {
		return err
	}
	var now map[string]any
	if err := r.call(ctx, http.MethodPost, "policy", change, &now); err != nil {
		return hinted("azdo-emulator state", "%w", err)
	}
	return p.printJSON(now)
}

// parseFields turns FIELD=VALUE words into JSON, by the types of a policy's fields.
func parseFields(words []string, policy reflect.Type) (json.RawMessage, error) {
	set := map[string]any{}
	for _, word := range words {
		name, text, ok := strings.Cut(word, "=")
		kind := fieldKind(policy, name)
		if !ok || kind == nil {
			return nil, fmt.Errorf("%q is not FIELD=VALUE of a known field", word)
		}
		value, err := parseField(kind, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		set[name] = value
	}
	return json.Marshal(set)
}

// fieldKind is the type of a field by its name in JSON, or nil.
func fieldKind(policy reflect.Type, name string) reflect.Type {
	for i := range policy.NumField() {
		if tag, _, _ := strings.Cut(policy.Field(i).Tag.Get("json"), ","); tag == name {
			return policy.Field(i).Type
		}
	}
	return nil
}

// parseField reads one value. An empty one is the field's zero.
func parseField(kind reflect.Type, text string) (any, error) {
	switch {
	case text == "":
		return reflect.Zero(kind).Interface(), nil
	case kind.Kind() == reflect.Bool:
		return strconv.ParseBool(text)
	case kind.Kind() == reflect.Int:
		return strconv.Atoi(text)
	case kind.Kind() == reflect.Slice:
		return strings.Split(text, ","), nil
	}
	return text, nil
}
