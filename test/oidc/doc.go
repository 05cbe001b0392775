// Package oidc has only tests: package oauth against an identity provider that
// nobody of this project wrote, the example server of
// https://github.com/zitadel/oidc, through its real pages. It is a module of its
// own so that the server is no dependency of patrol; its path lies below
// patrol's, which is what lets it import what is internal.
package oidc
