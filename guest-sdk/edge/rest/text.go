package rest

import "time"

const hexDigits = "0123456789abcdef"

// AppendString appends s, which is UTF-8, as a JSON string.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// timeLayout is RFC 3339 in UTC with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// The times that AppendTime writes without package time: 1970 to 9999.
const (
	dayMs       = 86_400_000
	plainMsMax  = 253_402_300_800_000 // the year 10000
	eraDays     = 146_097             // 400 years
	marchOfZero = 719_468             // days from 0000-03-01 to 1970
)

// AppendTime appends milliseconds since 1970 as RFC 3339 in UTC with
// milliseconds, without quotes.
func AppendTime(b []byte, ms int64) []byte {
	if ms < 0 || ms >= plainMsMax {
		return time.UnixMilli(ms).UTC().AppendFormat(b, timeLayout)
	}
	// Years begin in March here, so that the leap day is a year's last.
	days, rest := ms/dayMs+marchOfZero, ms%dayMs
	era, day := days/eraDays, days%eraDays
	year := (day - day/1460 + day/36524 - day/146096) / 365
	day -= 365*year + year/4 - year/100
	month := (5*day + 2) / 153
	day -= (153*month+2)/5 - 1
	year += era * 400
	if month += 3; month > 12 {
		month, year = month-12, year+1
	}
	b = digits(append(digits(append(digits(b, year, 4), '-'), month, 2), '-'), day, 2)
	b = digits(append(digits(append(b, 'T'), rest/3_600_000, 2), ':'), rest/60_000%60, 2)
	b = digits(append(digits(append(b, ':'), rest/1000%60, 2), '.'), rest%1000, 3)
	return append(b, 'Z')
}

// digits appends the last n digits of v.
func digits(b []byte, v int64, n int) []byte {
	b = append(b, "0000"[:n]...)
	for i := len(b) - 1; n > 0; i, n = i-1, n-1 {
		b[i] = byte('0' + v%10)
		v /= 10
	}
	return b
}

// TimeText is AppendTime as a string.
func TimeText(ms int64) string { return string(AppendTime(nil, ms)) }

// ParseTime reads RFC 3339 and answers milliseconds since 1970.
func ParseTime(s string) (int64, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, err
	}
	return t.UnixMilli(), nil
}
