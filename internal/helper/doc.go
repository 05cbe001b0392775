// Package helper answers Git's get, store and erase from the vault. It knows
// which record a request may have, and when only patrol can say more. It has no
// network code. What is due in the background it lets patrol do.
package helper
