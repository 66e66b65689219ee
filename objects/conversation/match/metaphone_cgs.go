package match

// C, G and S: the letters with the most rules. Each method says what it hears
// at pos and goes on past it.

func (e *encoder) letterC() {
	switch {
	case e.hardACH(): // Bacher, Macher, Wachtler
		e.say("K")
		e.pos += 2
	case e.pos == 0 && e.near(0, "CAESAR"):
		e.say("S")
		e.pos += 2
	case e.near(0, "CH"):
		e.soundCH()
		e.pos += 2
	case e.near(0, "CZ") && !e.near(-2, "WICZ"): // Czerny
		e.sayTwo("S", "X")
		e.pos += 2
	case e.near(1, "CIA"): // focaccia
		e.say("X")
		e.pos += 3
	case e.near(0, "CC") && !(e.pos == 1 && e.letter(0) == 'M'): // not McClellan
		e.doubleC()
	case e.near(0, "CK", "CG", "CQ"):
		e.say("K")
		e.pos += 2
	case e.near(0, "CIO", "CIE", "CIA"): // Italian or English
		e.sayTwo("S", "X")
		e.pos += 2
	case e.near(0, "CI", "CE", "CY"):
		e.say("S")
		e.pos += 2
	case e.near(1, " C", " Q", " G"): // Mac Caffrey, Mac Gregor
		e.say("K")
		e.pos += 3
	case e.near(1, "CE", "CI"):
		e.say("K")
		e.pos++
	default:
		e.pass("K", "CKQ")
	}
}

// hardACH is the Germanic "ach" after a consonant.
func (e *encoder) hardACH() bool {
	return e.pos > 1 && !e.vowel(e.pos-2) && e.near(-1, "ACH") && e.off(2) != 'I' &&
		(e.off(2) != 'E' || e.near(-2, "BACHER", "MACHER"))
}

func (e *encoder) soundCH() {
	switch {
	case e.near(0, "CHIA"): // Chianti
		e.say("K")
	case e.pos > 0 && e.near(0, "CHAE"): // Michael
		e.sayTwo("K", "X")
	case e.pos == 0 && e.near(1, "HARAC", "HARIS", "HOR", "HYM", "HIA", "HEM") && !e.at(0, "CHORE"): // chemistry, chorus
		e.say("K")
	case e.germanic, e.near(-2, "ORCHES", "ARCHIT", "ORCHID"), e.one(2, "TS"),
		(e.pos == 0 || e.one(-1, "AOUE")) && e.one(2, "LRNMBHFVW "): // Wachtler, not Tichner
		e.say("K")
	case e.pos == 0:
		e.say("X")
	case e.at(0, "MC"): // McHugh
		e.say("K")
	default:
		e.sayTwo("X", "K")
	}
}

func (e *encoder) doubleC() {
	if !e.one(2, "IEH") || e.near(2, "HU") { // Bacchus: Pierce's rule
		e.say("K")
		e.pos += 2
		return
	}
	if e.pos == 1 && e.off(-1) == 'A' || e.near(-1, "UCCEE", "UCCES") { // accident, succeed
		e.say("KS")
	} else { // bellocchio
		e.say("X")
	}
	e.pos += 3
}

func (e *encoder) letterG() {
	switch {
	case e.off(1) == 'H':
		e.soundGH()
		e.pos += 2
	case e.off(1) == 'N':
		e.soundGN()
		e.pos += 2
	case e.near(1, "LI") && !e.slavic: // Tagliaro
		e.sayTwo("KL", "L")
		e.pos += 2
	case e.pos == 0 && e.near(1, "Y", "ES", "EP", "EB", "EL", "EY", "IB", "IL", "IN", "IE", "EI", "ER"):
		e.sayTwo("K", "J")
		e.pos += 2
	case e.near(1, "ER", "Y") && !e.at(0, "DANGER", "RANGER", "MANGER") && !e.one(-1, "EI") && !e.near(-1, "RGY", "OGY"):
		e.sayTwo("K", "J")
		e.pos += 2
	case e.one(1, "EIY") || e.near(-1, "AGGI", "OGGI"): // Biaggi
		switch {
		case e.germanic || e.near(1, "ET"):
			e.say("K")
		case e.near(1, "IER "): // French, always soft
			e.say("J")
		default:
			e.sayTwo("J", "K")
		}
		e.pos += 2
	default:
		e.pass("K", "G")
	}
}

func (e *encoder) soundGH() {
	switch {
	case e.pos > 0 && !e.vowel(e.pos-1):
		e.say("K")
	case e.pos == 0 && e.off(2) == 'I': // Ghislane
		e.say("J")
	case e.pos == 0:
		e.say("K")
	case e.behind(2, "BHD"), e.behind(3, "BHD"), e.behind(4, "BH"): // Hugh: Parker's rule
	case e.off(-1) == 'U' && e.behind(3, "CGLRT"): // laugh, cough, rough
		e.say("F")
	case e.off(-1) != 'I':
		e.say("K")
	}
}

// behind reports whether the letter d places before pos is of set.
func (e *encoder) behind(d int, set string) bool {
	return e.pos >= d && e.one(-d, set)
}

func (e *encoder) soundGN() {
	switch {
	case e.pos == 1 && e.vowel(0) && !e.slavic:
		e.sayTwo("KN", "N")
	case !e.near(2, "EY") && !e.slavic:
		e.sayTwo("N", "KN")
	default: // Cagney
		e.say("KN")
	}
}

func (e *encoder) letterS() {
	switch {
	case e.near(-1, "ISL", "YSL"): // island, Carlisle
		e.pos++
	case e.pos == 0 && e.near(0, "SUGAR"):
		e.sayTwo("X", "S")
		e.pos++
	case e.near(0, "SH"):
		if e.near(1, "HEIM", "HOEK", "HOLM", "HOLZ") {
			e.say("S")
		} else {
			e.say("X")
		}
		e.pos += 2
	case e.near(0, "SIO", "SIA"): // Italian, Armenian
		if e.slavic {
			e.say("S")
		} else {
			e.sayTwo("S", "X")
		}
		e.pos += 3
	case e.off(1) == 'Z', e.pos == 0 && e.one(1, "MNLW"): // Smith, Schmidt; Snider, Schneider
		e.sayTwo("S", "X")
		e.skip("Z")
	case e.near(0, "SC"):
		e.soundSC()
		e.pos += 3
	case e.pos == e.last && e.near(-2, "AI", "OI"): // Resnais, Artois
		e.sayTwo("", "S")
		e.pos++
	default:
		e.pass("S", "SZ")
	}
}

func (e *encoder) soundSC() {
	switch {
	case e.off(2) == 'H' && e.near(3, "ER", "EN"): // Schermerhorn, Schenker
		e.sayTwo("X", "SK")
	case e.off(2) == 'H' && e.near(3, "OO", "UY", "ED", "EM"): // school
		e.say("SK")
	case e.off(2) == 'H' && e.pos == 0 && !e.vowel(3) && e.letter(3) != 'W': // Schlesinger's rule
		e.sayTwo("X", "S")
	case e.off(2) == 'H':
		e.say("X")
	case e.one(2, "IEY"):
		e.say("S")
	default:
		e.say("SK")
	}
}
