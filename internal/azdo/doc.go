// Package azdo is a thin client of the Azure DevOps REST API: the calls patrol
// makes, one file per area, over a transport that obeys Git's own proxy and
// certificate settings. See https://learn.microsoft.com/rest/api/azure/devops/.
package azdo
