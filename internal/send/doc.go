// Package send is what every send has in common, whoever makes it: the table that says what
// an error means, the loop that makes attempts, the maker of UNIQ_KEYs, the cache of routes,
// the look-up of messages whose outcome is unknown, and the list of properties that a copy
// must not keep.
package send
