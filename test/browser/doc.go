// Package browser has only tests: what a person does with a browser and a
// keyboard, done by Chromium, from git clone to the page of tokens. The
// programs are the ones that are released, the service is azdo-emulator. It is
// a module of its own so that the driver is no dependency of patrol.
//
// Pictures for the documents are taken anew with
//
//	UPDATE=1 go test -count=1 .
//
// The name of the machine shows in them: hostname(1) in unshare --uts chooses
// another.
package browser
