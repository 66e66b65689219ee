//! Events and what takes them.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::UnsafeCell;

use crate::abi;
use crate::host::{self, Failure};
use crate::wire::Reader;

/// What an instance is made for.
pub struct Construct {
    /// The class; empty in the worker.
    pub class: String,
    /// 64 hex digits; empty in the worker.
    pub id: String,
    /// Empty where the id was not made from a name.
    pub name: String,
}

/// An HTTP request.
pub struct Fetch {
    /// Such as GET.
    pub method: String,
    /// Absolute: scheme, host, path, query.
    pub url: String,
    /// In the order they came.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// Address and port of the client.
    pub client_addr: String,
    /// ms since 1970 after which nobody waits; 0: none.
    pub deadline_ms: i64,
}

impl Fetch {
    /// The path, without the query.
    pub fn path(&self) -> &str {
        let at = self.url.find("://").map_or(0, |i| i + 3);
        let path = self.url[at..].find('/').map_or("", |i| &self.url[at + i..]);
        path.split(['?', '#']).next().unwrap_or("")
    }

    /// A parameter of the query, as it was sent.
    pub fn query(&self, name: &str) -> Option<&str> {
        let query = self.url.split('#').next()?.split_once('?')?.1;
        query.split('&').map(|p| p.split_once('=').unwrap_or((p, ""))).find(|(n, _)| *n == name).map(|(_, v)| v)
    }
}

/// The answer to a [`Fetch`].
pub struct Response {
    /// Such as 200.
    pub status: u32,
    /// Sent in this order.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// Plain text.
    pub fn text(status: u32, body: impl Into<String>) -> Self {
        let headers = vec![("content-type".to_string(), "text/plain; charset=utf-8".to_string())];
        Response { status, headers, body: body.into().into_bytes() }
    }
}

/// A call of a method.
pub struct Call {
    /// Its name.
    pub method: String,
    /// Its argument.
    pub payload: Vec<u8>,
}

/// The object's alarm.
pub struct Alarm {
    /// When it was due, ms since 1970.
    pub scheduled_ms: i64,
    /// How often it was tried before.
    pub retry_count: u32,
    /// Whether it was.
    pub is_retry: bool,
}

fn without(what: &str) -> Failure {
    Failure::new(abi::STATUS_UNSUPPORTED, alloc::format!("the guest has no {what}"))
}

/// An instance: the worker, or an object. What a handler returns ends its
/// event; an error is a reply, its writes stay.
pub trait Handler {
    /// Answers a request.
    fn fetch(&mut self, _: &Fetch) -> Result<Response, Failure> {
        Err(without("fetch handler"))
    }
    /// Answers a call with its result.
    fn call(&mut self, _: &Call) -> Result<Vec<u8>, Failure> {
        Err(without("methods"))
    }
    /// Runs the alarm; a failed one is tried again.
    fn alarm(&mut self, _: &Alarm) -> Result<(), Failure> {
        Err(without("alarm handler"))
    }
    /// Any other event, undecoded; false refuses it.
    fn other(&mut self, kind: u32, _message: &[u8]) -> bool {
        kind == abi::EVENT_CANCELLED
    }
    /// The end of an operation that a function of shape Async has begun.
    fn completion(&mut self, _op: u32, _status: u32, _result: &[u8]) -> bool {
        false
    }
}

/// Makes the handler of an instance.
pub type Constructor = fn(&Construct) -> Result<Box<dyn Handler>, Failure>;

/// What the standing buffer holds; a larger event gets one of its own.
const STANDING_BYTES: usize = 64 << 10;

/// A guest: its buffers and its instance's handler.
#[derive(Default)]
pub struct Guest {
    standing: Vec<u8>, // allocated once: the host learns where it is
    large: Option<Vec<u8>>,
    handler: Option<Box<dyn Handler>>,
}

impl Guest {
    /// A guest before its first event.
    pub const fn new() -> Self {
        Guest { standing: Vec::new(), large: None, handler: None }
    }

    /// Room for the next message, as `hf_buffer` promises it.
    pub fn buffer(&mut self, len: u32) -> *mut u8 {
        let len = len as usize;
        if self.standing.is_empty() {
            self.standing = vec![0; STANDING_BYTES];
        }
        self.large = (len > STANDING_BYTES).then(|| vec![0; len]);
        self.large.as_mut().unwrap_or(&mut self.standing).as_mut_ptr()
    }

    /// The message in the buffer; the standing buffer stays where it is.
    fn taken(&mut self, len: u32) -> Vec<u8> {
        let len = len as usize;
        match self.large.take() {
            Some(mut message) => {
                message.truncate(len);
                message
            }
            None => self.standing[..len].to_vec(),
        }
    }

    /// Takes the event of `hf_event` and answers its bits.
    pub fn event(&mut self, kind: u32, len: u32, construct: Constructor) -> u32 {
        let message = self.taken(len);
        let taken = match (kind, self.handler.as_mut()) {
            (abi::EVENT_CONSTRUCT, _) => self.construct(&message, construct),
            (_, None) => None,
            (abi::EVENT_FETCH, Some(h)) => fetch(h.as_mut(), &message),
            (abi::EVENT_CALL, Some(h)) => call(h.as_mut(), &message),
            (abi::EVENT_ALARM, Some(h)) => alarm(h.as_mut(), &message),
            (_, Some(h)) => h.other(kind, &message).then_some(()),
        };
        answer(taken.is_some())
    }

    /// Takes what `hf_completion` brings.
    pub fn completion(&mut self, op: u32, status: u32, len: u32) -> u32 {
        let result = self.taken(len);
        answer(self.handler.as_mut().map_or(false, |h| h.completion(op, status, &result)))
    }

    fn construct(&mut self, message: &[u8], construct: Constructor) -> Option<()> {
        let mut r = Reader::new(message);
        let event = r.u64();
        let c = Construct { class: r.text().into(), id: r.text().into(), name: r.text().into() };
        r.text(); // mode
        r.list(8, |r| (r.text(), r.text())); // vars
        r.list(4, |r| r.text()); // D1 bindings
        r.list(4, |r| r.text()); // namespaces
        r.bytes(); // seed
        r.end().then_some(())?;
        match construct(&c) {
            Ok(h) => {
                self.handler = Some(h);
                host::done(event, Ok(&[]));
            }
            Err(f) => host::done(event, Err(&f)),
        }
        Some(())
    }
}

fn answer(taken: bool) -> u32 {
    abi::ANSWER_PUMPED | if taken { 0 } else { abi::ANSWER_REFUSED }
}

fn fetch(h: &mut dyn Handler, message: &[u8]) -> Option<()> {
    let mut r = Reader::new(message);
    let (event, _upgrade) = (r.u64(), r.u64());
    let mut f = Fetch {
        method: r.text().into(),
        url: r.text().into(),
        headers: r.list(8, |r| (r.text().into(), String::from_utf8_lossy(r.bytes()).into())),
        body: r.bytes().to_vec(),
        client_addr: r.text().into(),
        deadline_ms: 0,
    };
    r.text(); // trace context
    f.deadline_ms = r.u64() as i64;
    r.end().then_some(())?;
    if let Err(failure) = h.fetch(&f).and_then(|resp| host::respond(event, &resp)) {
        host::done(event, Err(&failure));
    }
    Some(())
}

fn call(h: &mut dyn Handler, message: &[u8]) -> Option<()> {
    let mut r = Reader::new(message);
    let event = r.u64();
    let c = Call { method: r.text().into(), payload: r.bytes().to_vec() };
    r.end().then_some(())?;
    let result = h.call(&c);
    host::done(event, result.as_deref());
    Some(())
}

fn alarm(h: &mut dyn Handler, message: &[u8]) -> Option<()> {
    let mut r = Reader::new(message);
    let event = r.u64();
    let a = Alarm { scheduled_ms: r.u64() as i64, retry_count: r.u32(), is_retry: r.boolean() };
    r.end().then_some(())?;
    let result = h.alarm(&a);
    host::done(event, result.as_ref().map(|()| &[][..]));
    Some(())
}

struct Only(UnsafeCell<Guest>);

// SAFETY: a guest has one thread, and the host enters it once at a time.
unsafe impl Sync for Only {}

static ONLY: Only = Only(UnsafeCell::new(Guest::new()));

/// Gives `f` the module's guest. For [`crate::guest!`] alone: it must not be
/// called inside itself.
#[doc(hidden)]
pub fn with<T>(f: impl FnOnce(&mut Guest) -> T) -> T {
    // SAFETY: as above; no export calls another.
    f(unsafe { &mut *ONLY.0.get() })
}
