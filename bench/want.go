package main

import "strconv"

// A Want is a bound on a row's ratio, or on holdfast's own figure. The zero Want bounds
// nothing.
type Want struct {
	set   bool
	own   bool // the figure, not the ratio
	least bool
	bound float64
}

// AtLeast wants holdfast's figure to be so many times raw's, or more.
func AtLeast(ratio float64) Want { return Want{set: true, least: true, bound: ratio} }

// AtMost wants holdfast's figure to be so many times raw's, or less.
func AtMost(ratio float64) Want { return Want{set: true, bound: ratio} }

// OwnAtMost wants holdfast's figure to be so much or less, whatever raw's is.
func OwnAtMost(figure float64) Want { return Want{set: true, own: true, bound: figure} }

// String is the bound as the table shows it, "" for none.
func (w Want) String() string {
	if !w.set {
		return ""
	}
	s := "<= "
	if w.least {
		s = ">= "
	}
	s += strconv.FormatFloat(w.bound, 'f', -1, 64)
	if w.own {
		s = "holdfast " + s
	}
	return s
}

// Verdict is "yes" or "no", or "" where nothing was wanted; "no" too if there is no ratio.
func (w Want) Verdict(r Result) string {
	if !w.set {
		return ""
	}
	figure := r.Holdfast
	if !w.own {
		if r.Ratio == nil {
			return "no"
		}
		figure = *r.Ratio
	}
	if w.least && figure >= w.bound || !w.least && figure <= w.bound {
		return "yes"
	}
	return "no"
}
