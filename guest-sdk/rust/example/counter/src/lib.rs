//! The smallest app in Rust: one durable number an object.

use holdfast::{abi, host, Construct, Failure, Fetch, Handler, Response};

holdfast::guest!(register, construct);

#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
fn register() {
    for class in ["", "Counter"] {
        host::register(class, abi::HANDLES_FETCH).expect("register");
    }
}

#[cfg_attr(not(any(target_arch = "wasm32", test)), allow(dead_code))]
fn construct(c: &Construct) -> Result<Box<dyn Handler>, Failure> {
    Ok(if c.class.is_empty() { Box::new(Worker) } else { Box::new(Counter) })
}

struct Worker;

impl Handler for Worker {
    fn fetch(&mut self, _: &Fetch) -> Result<Response, Failure> {
        Ok(Response::text(200, "ok"))
    }
}

struct Counter;

const ADD_MAX: i64 = 1_000_000_000;

impl Counter {
    /// Adds to the number, if there is anything to add, and answers it.
    fn answer(&self, delta: Option<i64>) -> Result<Response, Failure> {
        let n: i64 = match host::kv_get("n")? {
            None => 0,
            Some(text) => std::str::from_utf8(&text)
                .ok()
                .and_then(|t| t.parse().ok())
                .ok_or_else(|| Failure::new(abi::STATUS_GUEST_FAILED, "kv n: expected a decimal"))?,
        };
        let text = (n + delta.unwrap_or(0)).to_string();
        if delta.is_some() {
            host::kv_put("n", text.as_bytes())?;
        }
        Ok(Response::text(200, text))
    }
}

impl Handler for Counter {
    /// Answers /counter/NAME/noop, get, incr and add?n=N.
    fn fetch(&mut self, f: &Fetch) -> Result<Response, Failure> {
        match f.path().rsplit('/').next() {
            Some("noop") => Ok(Response::text(200, "ok")),
            Some("get") => self.answer(None),
            Some("incr") => self.answer(Some(1)),
            Some("add") => match f.query("n").and_then(|n| n.parse().ok()) {
                Some(n) if (-ADD_MAX..=ADD_MAX).contains(&n) => self.answer(Some(n)),
                _ => Ok(Response::text(400, "n: expected a whole number from -1000000000 to 1000000000")),
            },
            _ => Ok(Response::text(404, "no such operation")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast::native::{world, Instance};

    #[test]
    fn counts() {
        register();
        assert_eq!(world(|w| w.classes.clone()), ["", "Counter"]);
        let mut c = Instance::new("Counter", construct);
        for (path, want) in [
            ("get", (200, "0")),
            ("noop", (200, "ok")),
            ("incr", (200, "1")),
            ("add?n=5", (200, "6")),
            ("add?other=1&n=-10", (200, "-4")),
            ("add?n=x", (400, "n: expected a whole number from -1000000000 to 1000000000")),
            ("add?n=1000000001", (400, "n: expected a whole number from -1000000000 to 1000000000")),
            ("add", (400, "n: expected a whole number from -1000000000 to 1000000000")),
            ("other", (404, "no such operation")),
            ("get", (200, "-4")),
        ] {
            let (status, body) = c.fetch("POST", &format!("/counter/ann/{path}"), b"");
            assert_eq!((status, body.as_str()), want, "{path}");
        }
        let mut again = Instance::new("Counter", construct);
        assert_eq!(again.fetch("POST", "/counter/ann/incr", &[b'x'; 200_000]), (200, "-3".into()));
        world(|w| w.kv.insert("n".into(), b"none".to_vec()));
        assert_eq!(again.fetch("GET", "/counter/ann/get", b"").0, -(abi::STATUS_GUEST_FAILED as i32));
        assert_eq!(Instance::new("", construct).fetch("GET", "/plain", b""), (200, "ok".into()));
    }

    #[test]
    fn refuses_what_is_no_message() {
        let mut c = Instance::new("Counter", construct);
        for kind in 1..=10 {
            if kind != abi::EVENT_CANCELLED {
                assert_eq!(c.deliver(kind, b"no message") & abi::ANSWER_REFUSED, abi::ANSWER_REFUSED, "event {kind}");
            }
        }
    }
}
