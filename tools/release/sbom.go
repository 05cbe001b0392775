package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The document of CycloneDX 1.6, as far as we have something to say.
// See https://cyclonedx.org/docs/1.6/json/.
type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber,omitempty"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string      `json:"type"`
	Ref        string      `json:"bom-ref"`
	Name       string      `json:"name"`
	Version    string      `json:"version,omitempty"`
	Hashes     []hash      `json:"hashes,omitempty"`
	Licences   []licence   `json:"licenses,omitempty"`
	PURL       string      `json:"purl,omitempty"`
	Properties []property  `json:"properties,omitempty"`
	Components []component `json:"components,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licence struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

func licences(id string) []licence {
	var l licence
	l.License.ID = id
	return []licence{l}
}

// sbom says what the programs are made of.
func (r *release) sbom(parts []part, files []file, arch string) ([]byte, error) {
	const module = "github.com/gitpatrol/patrol"
	main := component{
		Type: "application", Name: "patrol", Version: r.version, Licences: licences("Apache-2.0"),
		PURL:       "pkg:golang/" + module + "@" + r.version,
		Properties: []property{{"patrol:platform", "linux/" + arch}},
	}
	main.Ref = main.PURL
	b := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{Timestamp: r.time.Format(time.RFC3339)},
	}
	uses := map[string][]string{}
	for _, p := range parts {
		c := component{Type: "library", Name: p.path, Version: p.version, Licences: licences(p.licence), PURL: "pkg:golang/" + p.path + "@" + p.version}
		c.Ref = c.PURL
		if p.sum != "" {
			c.Properties = []property{{"go.sum", p.sum}}
		}
		b.Components = append(b.Components, c)
		for _, program := range p.in {
			uses[program] = append(uses[program], c.Ref)
		}
	}
	ours := dependency{Ref: main.Ref}
	for _, f := range files {
		name, program := strings.CutPrefix(f.path, "bin/")
		if !program {
			continue
		}
		sum := hash{"SHA-256", fmt.Sprintf("%x", sha256.Sum256(f.body))}
		main.Components = append(main.Components, component{Type: "file", Ref: f.path, Name: name, Version: r.version, Hashes: []hash{sum}})
		ours.DependsOn = append(ours.DependsOn, f.path)
		b.Dependencies = append(b.Dependencies, dependency{f.path, uses[name]})
	}
	b.Dependencies = append(b.Dependencies, ours)
	b.Metadata.Component = main
	unnamed, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	b.Serial = serial(unnamed)
	out, err := json.MarshalIndent(b, "", "  ")
	return append(out, '\n'), err
}

// serial is a UUID that names a document by its content: version 8 of
// https://www.rfc-editor.org/rfc/rfc9562#section-5.8.
func serial(document []byte) string {
	u := sha256.Sum256(document)
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:16])
}
