/* counter is the smallest app in C: one durable number an object. */
#include "../holdfast.h"

void hf_on_register(void) {
	hf_register(HF_STR(""), HF_HANDLES_FETCH);
	hf_register(HF_STR("Counter"), HF_HANDLES_FETCH);
}

/* is_worker is part of the instance: each has a memory of its own. */
static bool is_worker;

uint32_t hf_on_construct(const hf_construct *c) {
	is_worker = c->class.len == 0;
	return HF_STATUS_OK;
}

#define DIGITS_MAX 18 /* what fits an int64 whatever the digits are */

/* number reads a decimal of at most DIGITS_MAX digits. */
static bool number(hf_bytes text, int64_t *n) {
	bool negative = text.len > 0 && text.ptr[0] == '-';
	uint32_t i = negative;
	*n = 0;
	if (i == text.len || text.len - i > DIGITS_MAX) {
		return false;
	}
	for (; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9') {
			return false;
		}
		*n = *n * 10 + (text.ptr[i] - '0');
	}
	*n = negative ? -*n : *n;
	return true;
}

/* decimal writes n at the end of room. */
static hf_bytes decimal(int64_t n, uint8_t room[DIGITS_MAX + 3]) {
	uint32_t at = DIGITS_MAX + 3;
	uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;
	do {
		room[--at] = (uint8_t)('0' + left % 10);
	} while ((left /= 10) > 0);
	if (n < 0) {
		room[--at] = '-';
	}
	return (hf_bytes){room + at, DIGITS_MAX + 3 - at};
}

/* answer adds delta to the number, keeps it where write is set, and answers
 * it. */
static void answer(uint64_t event, int64_t delta, bool write) {
	uint8_t room[DIGITS_MAX + 3];
	uint32_t len;
	int64_t n = 0;
	uint32_t st = hf_kv_get(HF_STR("n"), room, sizeof room, &len);
	if (st == HF_STATUS_OK && !number((hf_bytes){room, len}, &n)) {
		hf_fail(event, HF_STATUS_GUEST_FAILED, HF_STR("kv n: expected a decimal of at most 18 digits"));
		return;
	}
	if (st != HF_STATUS_OK && st != HF_STATUS_NOT_FOUND) {
		hf_fail(event, st, HF_STR("kv n cannot be read"));
		return;
	}
	hf_bytes text = decimal(n + delta, room);
	if (write && (st = hf_kv_put(HF_STR("n"), text)) != HF_STATUS_OK) {
		hf_fail(event, st, HF_STR("kv n cannot be written"));
		return;
	}
	hf_respond(event, 200, text);
}

#define ADD_MAX 1000000000

/* Answers /counter/NAME/noop, get, incr and add?n=N. */
void hf_on_fetch(const hf_fetch *f) {
	hf_bytes op = hf_base(hf_path(f->url)), text;
	int64_t n;
	if (is_worker || hf_equal(op, HF_STR("noop"))) {
		hf_respond(f->event, 200, HF_STR("ok"));
	} else if (hf_equal(op, HF_STR("get"))) {
		answer(f->event, 0, false);
	} else if (hf_equal(op, HF_STR("incr"))) {
		answer(f->event, 1, true);
	} else if (!hf_equal(op, HF_STR("add"))) {
		hf_respond(f->event, 404, HF_STR("no such operation"));
	} else if (!hf_query(f->url, HF_STR("n"), &text) || !number(text, &n) || n < -ADD_MAX || n > ADD_MAX) {
		hf_respond(f->event, 400, HF_STR("n: expected a whole number from -1000000000 to 1000000000"));
	} else {
		answer(f->event, n, true);
	}
}
