// Package fault is the vocabulary of scripted faults: which requests one is for (Kind,
// Request), what is done to them (Action), and how often (Fault, Script). The in-process
// broker carries Actions out itself, the fault proxy does so in front of a real one; both
// read what an Action comes to from its Plan.
package fault
