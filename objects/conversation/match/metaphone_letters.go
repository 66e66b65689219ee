package match

// The letters with rules of their own, but for C, G and S. Each method says
// what it hears at pos and goes on past it.

func (e *encoder) letterD() {
	switch {
	case e.near(0, "DG") && e.one(2, "IEY"): // edge
		e.say("J")
		e.pos += 3
	case e.near(0, "DG"): // Edgar
		e.say("TK")
		e.pos += 2
	default:
		e.pass("T", "DT")
	}
}

// letterH is heard at the beginning and between vowels, before a vowel.
func (e *encoder) letterH() {
	if (e.pos == 0 || e.vowel(e.pos-1)) && e.vowel(e.pos+1) {
		e.say("H")
		e.pos++
	}
	e.pos++
}

func (e *encoder) letterJ() {
	san := e.at(0, "SAN ")
	if e.near(0, "JOSE") || san { // José, San Jacinto
		if san || e.pos == 0 && e.one(4, " ") {
			e.say("H")
		} else {
			e.sayTwo("J", "H")
		}
		e.pos++
		return
	}
	switch {
	case e.pos == 0: // Jankelowicz, Yankelovich
		e.sayTwo("J", "A")
	case e.vowel(e.pos-1) && !e.slavic && e.one(1, "AO"): // bajador
		e.sayTwo("J", "H")
	case e.pos == e.last:
		e.sayTwo("J", "")
	case !e.one(1, "LTKSNMBZ") && !e.one(-1, "SKL"):
		e.say("J")
	}
	e.skip("J")
}

func (e *encoder) letterL() {
	if e.off(1) == 'L' && e.spanishLL() {
		e.sayTwo("L", "")
		e.pos += 2
		return
	}
	e.pass("L", "L")
}

// spanishLL is "ll" as in Cabrillo and Gallegos.
func (e *encoder) spanishLL() bool {
	if e.pos == e.last-2 && e.near(-1, "ILLO", "ILLA", "ALLE") {
		return true
	}
	end := e.at(e.last-1, "AS", "OS") || e.at(e.last, "A", "O")
	return end && e.near(-1, "ALLE")
}

func (e *encoder) letterM() {
	if e.near(-1, "UMB") && (e.pos+1 == e.last || e.near(2, "ER")) { // dumb, plumber
		e.pos++
	} else if e.off(1) == 'M' {
		e.pos++
	}
	e.say("M")
	e.pos++
}

func (e *encoder) letterP() {
	if e.off(1) == 'H' {
		e.say("F")
		e.pos += 2
		return
	}
	e.pass("P", "PB") // Campbell, raspberry
}

func (e *encoder) letterR() {
	french := e.pos == e.last && !e.slavic && e.near(-2, "IE") && !e.near(-4, "ME", "MA")
	if french { // Rogier, not Hochmeier
		e.sayTwo("", "R")
	} else {
		e.say("R")
	}
	e.skip("R")
}

func (e *encoder) letterT() {
	switch {
	case e.near(0, "TION", "TIA", "TCH"):
		e.say("X")
		e.pos += 3
	case e.near(0, "TH", "TTH"):
		if e.near(2, "OM", "AM") || e.germanic { // Thomas, Thames
			e.say("T")
		} else {
			e.sayTwo("0", "T")
		}
		e.pos += 2
	default:
		e.pass("T", "TD")
	}
}

func (e *encoder) letterW() {
	if e.near(0, "WR") {
		e.say("R")
		e.pos += 2
		return
	}
	if e.pos == 0 {
		if e.vowel(1) { // Wasserman, Vasserman
			e.sayTwo("A", "F")
		} else if e.off(1) == 'H' {
			e.say("A")
		}
	}
	switch {
	case e.pos == e.last && e.vowel(e.pos-1), e.near(-1, "EWSKI", "EWSKY", "OWSKI", "OWSKY"), e.at(0, "SCH"): // Arnow, Arnoff
		e.sayTwo("", "F")
		e.pos++
	case e.near(0, "WICZ", "WITZ"): // Filipowicz
		e.sayTwo("TS", "FX")
		e.pos += 4
	default:
		e.pos++
	}
}

func (e *encoder) letterX() {
	if !(e.pos == e.last && e.near(-2, "AU", "OU")) { // not breaux
		e.say("KS")
	}
	e.skip("CX")
}

func (e *encoder) letterZ() {
	switch {
	case e.off(1) == 'H': // Zhao
		e.say("J")
		e.pos += 2
		return
	case e.near(1, "ZO", "ZI", "ZA"), e.slavic && e.pos > 0 && e.off(-1) != 'T':
		e.sayTwo("S", "TS")
	default:
		e.say("S")
	}
	e.skip("Z")
}
