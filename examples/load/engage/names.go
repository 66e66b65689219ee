package engage

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The lists of names. What is not of plain letters has its way into an e-mail
// address behind a "=".
var (
	givenNames = words(`Ada Amara Amélie=amelie Ana Anders Anke Aoife Aroha Astrid Ayşe=ayse Beatriz Björn=bjorn Bogdan Brigitte Camila Cem
		Chiara Chidi Ciarán=ciaran Dagmar Daniela Deepa Desta Dina Efua Eilidh Elif Emre Esther Fatou Femi Fenna Fiorella François=francois
		Gašper=gasper Georg Giulia Grace Gudrun Halima Hana Hannes Henrik Hiba Hugo Ida Ikram Ilse Imani Ingrid Isolde Ivana Jakub Jana Jelena
		Jiří=jiri João=joao Jorge Joséphine=josephine Jürgen=jurgen Kaia Kamala Karim Katarzyna Keiko Kofi Kwame Lakshmi Lars Leila Léa=lea
		Linh Liwei Łukasz=lukasz Lwazi Mairead Maja Małgorzata=malgorzata Manuel Marisol Marta Matteo Mehmet Mei Milan Miriam Mónica=monica
		Nadia Naledi Ngozi Nikhil Nils Noa Noor Odalys Oksana Olumide Oriol Paavo Paloma Parisa Pavel Penelope Piotr Priya Quentin Rafael
		Rania Rasmus Renée=renee Rosa Ruta Saanvi Salma Sanna Selma Siobhán=siobhan Sofía=sofia Soraya Søren=soren Sunita Tariq Tendai
		Thandiwe Théo=theo Tomasz Tuan Ulla Uma Valeria Vikram Wanjiru Willem Xiomara Yael Yara Yusuf Zainab Zoë=zoe Zsófia=zsofia
		Дмитрий=dmitri Наталья=natalia Олена=olena Георгий=georgi Ελένη=eleni Νίκος=nikos 美咲=misaki 陽太=yota 伟=wei 丽=li 지우=jiwoo
		민준=minjun ليلى=layla محمد=muhammad נועה=noa अनिका=anika`)
	familyNames = words(`Abebe Achterberg Adeyemi Aguilar Ahlström=ahlstrom Almeida Andersson Arslan Asante Baptiste Barros Basu Berglund Bianchi
		Blažek=blazek Bouchard Brennan Castellanos Chatterjee Cohen Contreras Czerny Dahl Danjuma DeVries Delacroix Demir Diallo Dlamini
		Dubois Eastwood Eberhardt Echeverría=echeverria Eriksen Esposito Fairweather Farouk Fernandes Fitzgerald Fontaine Friedrich Fujimoto
		Gallagher García=garcia Gebremariam Grabowski Grünwald=grunwald Guerrero Gunnarsson Hadžić=hadzic Haile Hakimi Hartmann Hernández=hernandez
		Holmström=holmstrom Horvat Ibarra Ilunga Ivanov Jankowski Jensen Kamau Karlsson Katz Kavanagh Khumalo Kılıç=kilic Kowalczyk Kruger
		Lachance Laurent Lefèvre=lefevre Lindqvist Lombardi Lundgren MacAllister Machado Makinen Maduro Mbeki Mendoza Moreau Müller=muller
		Mwangi Nakamura Navarro Nguyễn=nguyen Nielsen Novák=novak Nyström=nystrom Obi Ochoa Okafor Okonkwo Oliveira ÓSúilleabháin=osuilleabhain
		Øvergaard=overgaard Pappas Patel Peeters Pereira Petrović=petrovic Pham Popescu Quiñones=quinones Radcliffe Rahman Ramos Reinholt
		Romano Rosenthal Ruiz Sandoval Santos Schäfer=schafer Sharma Silva Sithole Sjöberg=sjoberg Sokolov Sousa Stavros Steiner Szabó=szabo
		Takahashi Tanaka Tembo Thorsen Torres Tremblay Tshabalala Unger Urquhart Valdez VanDijk Vasquez Villanueva Vogel Volkov Watanabe
		Weissman Wójcik=wojcik Wong Yamamoto Yılmaz=yilmaz Zapata Zimmermann Коваленко=kovalenko Соколова=sokolova Παπαδόπουλος=papadopoulos
		佐藤=sato 王=wang 김=kim حداد=haddad לוי=levi शर्मा=sharma`)
	trades = words(`Airfreight Analytics Apparel Architects Bakery Biotech Brewing Cartage Ceramics Chemicals Coffee Construction Cosmetics Credit
		Dairy Diagnostics Distillery Drones Education Electric Energy Fabrication Farms Fisheries Foods Forestry Foundry Fragrance Furniture
		Glassworks Granite Harvest Hospitality Hydraulics Imaging Insurance Interiors Joinery Laboratories Leasing Lighting Linen Logistics
		Maritime Masonry Media Mining Motors Optics Orchards Packaging Paper Pharma Plumbing Polymers Press Printing Properties Quarries
		Railworks Refrigeration Renewables Robotics Salvage Seeds Shipping Software Solar Staffing Steel Storage Studios Surveying Telecom
		Textiles Timber Tooling Tourism Turbines Vineyards Watches Winery Wireless`)
	suffixes  = []string{"Inc.", "LLC", "Ltd", "Ltd.", "GmbH", "AG", "S.A.", "S.r.l.", "B.V.", "AB", "Oy", "Pty Ltd", "LLP", "Corp.", "& Co.", "Holdings"}
	areas     = []string{"employment", "family", "immigration", "real estate", "intellectual property", "personal injury", "estate planning", "criminal defense", "contracts", "tax", "landlord-tenant", "bankruptcy"}
	areaOdds  = []int{22, 18, 15, 12, 10, 9, 8, 6, 5, 4, 3, 2} // of areas, in the same order
	domains   = []string{"example.com", "example.org", "example.net", "mail.example.com", "post.example.org"}
	goalTexts = []string{
		"Understand what happened", "Collect names of everybody involved", "Set out the dates in order", "List the documents that exist", "Ask what outcome is wanted",
		"Explain fees", "Check deadlines", "Find out whether there is a contract", "Ask about insurance", "Agree the next appointment",
	}
)

// word is a name and its form in an address.
type word struct{ text, plain string }

func words(list string) []word {
	var out []word
	for _, f := range strings.Fields(list) {
		text, plain, ok := strings.Cut(f, "=")
		if !ok {
			plain = strings.ToLower(text)
		}
		out = append(out, word{text, plain})
	}
	return out
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// weighted is the place of one of some odds.
func weighted(r *rand.Rand, odds []int) int {
	sum := 0
	for _, o := range odds {
		sum += o
	}
	n := r.IntN(sum)
	for i, o := range odds {
		if n -= o; n < 0 {
			return i
		}
	}
	return 0
}

// person is a name and an e-mail address for it.
func person(r *rand.Rand) (name, email string) {
	g, f := pick(r, givenNames), pick(r, familyNames)
	name = g.text + " " + f.text
	if r.IntN(8) == 0 { // a second family name
		name += pick(r, []string{" ", "-"}) + pick(r, familyNames).text
	}
	email = fmt.Sprintf("%s.%s%d@%s", g.plain, f.plain, r.IntN(100), pick(r, domains))
	return name, email
}

// company is the name of one; it says what it does twice, so that few are
// alike.
func company(r *rand.Rand) string {
	return pick(r, familyNames).text + " " + pick(r, trades).text + " " + pick(r, trades).text + " " + pick(r, suffixes)
}

// disguise is another way to write a name, such as conflict checks must see
// through.
func disguise(r *rand.Rand, name string) string {
	switch r.IntN(5) {
	case 0:
		return name
	case 1:
		return strings.ToUpper(name)
	case 2: // another suffix, or one where there was none
		return withoutSuffix(name) + " " + pick(r, suffixes)
	case 3: // a letter twice
		letters := []rune(name)
		i := 1 + r.IntN(len(letters)-1)
		return string(letters[:i]) + string(letters[i-1]) + string(letters[i:])
	}
	return strings.NewReplacer("ph", "f", "ck", "k", "c", "k", "v", "w").Replace(name) // as one hears it
}

func withoutSuffix(name string) string {
	for _, s := range suffixes {
		if cut, ok := strings.CutSuffix(name, " "+s); ok {
			return cut
		}
	}
	return name
}
