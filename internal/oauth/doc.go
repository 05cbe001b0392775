// Package oauth signs a person in at an identity provider, through the system's
// browser and a listener on loopback, and renews what that gave: the
// authorization code grant with PKCE for native apps (RFC 6749, RFC 7636,
// RFC 8252, RFC 9700). What is peculiar to Microsoft Entra is in entra.go and
// what it calls; the rest serves any provider.
//
// The protocol is written out here over net/http. golang.org/x/oauth2 would
// save two POST requests and no more: it takes its HTTP client from a context, follows
// redirects, quotes whole replies in its errors, and the state, the listener
// and the checks of the answer are left to the caller with it, too.
package oauth
