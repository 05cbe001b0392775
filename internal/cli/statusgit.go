package cli

import (
	"strings"

	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
)

// azureURLs are the two forms of Azure Repos URLs Git is configured for.
func azureURLs() []string {
	return []string{"https://" + helper.AzureHost, "https://*.visualstudio.com"}
}

func (s *session) gitStatus() gitStatus {
	program, _ := git.Find(s.Environ)
	g := gitStatus{Program: program}
	for _, url := range azureURLs() {
		host := strings.TrimPrefix(url, "https://")
		g.Azure = append(g.Azure, s.hostSetup(url, git.Target{Protocol: "https", Host: strings.Replace(host, "*", "org", 1)}))
	}
	return g
}

func (s *session) hostSetup(url string, t git.Target) hostSetup {
	h := hostSetup{URL: url}
	for _, e := range s.config.Helpers(t) {
		h.Helpers = append(h.Helpers, e.Value)
		if e.Value == helperValue(s.Executable) {
			h.Patrol = true
		} else {
			h.Other = true
		}
	}
	if e, ok := s.config.Credential(t, "useHttpPath"); ok {
		h.UseHTTPPath, _ = e.Bool()
	}
	return h
}
