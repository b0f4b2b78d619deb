//! A real browser without a screen, driven over pipes (Chrome DevTools Protocol, `--remote-debugging-pipe`): JSON texts,
//! each ended by a zero byte, in on descriptor 3 and out on descriptor 4.

use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything on a page may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Chromium {
    child: Child,
    to: File,
    from: BufReader<File>,
    next: u64,
    session: String,
}

impl Chromium {
    /// Starts a browser with a profile of its own, which takes any certificate: it does not know our authority.
    pub(crate) fn start(dir: &Path) -> Self {
        let (to, from) = (dir.join("cdp-in"), dir.join("cdp-out"));
        for pipe in [&to, &from] {
            assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        }
        let flags = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
                     --ignore-certificate-errors --disable-background-networking --remote-debugging-pipe";
        let line = format!(
            "exec chromium {flags} --user-data-dir='{0}/chromium' about:blank 3<'{1}' 4>'{2}'",
            dir.display(),
            to.display(),
            from.display()
        );
        let child = Command::new("sh")
            .args(["-c", &line])
            .env("HOME", dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The order in which the shell opens them: each open waits for its other end.
        let to = File::options().write(true).open(to).unwrap();
        let from = BufReader::new(File::open(from).unwrap());
        let mut browser = Self { child, to, from, next: 0, session: String::new() };
        let targets = browser.call("Target.getTargets", json!({}));
        let page = targets["targetInfos"]
            .as_array()
            .unwrap()
            .iter()
            .find(|target| target["type"] == "page")
            .unwrap()["targetId"]
            .clone();
        let attached =
            browser.call("Target.attachToTarget", json!({"targetId": page, "flatten": true}));
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        browser
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn try_call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).unwrap();
        loop {
            let mut text = Vec::new();
            let read = self.from.read_until(0, &mut text).unwrap();
            assert!(read > 0, "the browser is gone");
            text.pop();
            let said: Value = serde_json::from_slice(&text).unwrap();
            if said["id"] == self.next {
                return match said.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(said["result"].clone()),
                };
            }
        }
    }

    /// Goes to an address.
    pub(crate) fn go(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
    }

    /// What an expression is on the page, as text; empty while the page changes.
    pub(crate) fn eval(&mut self, expression: &str) -> String {
        let params = json!({"expression": expression, "returnByValue": true});
        let Ok(result) = self.try_call("Runtime.evaluate", params) else { return String::new() };
        let value = &result["result"]["value"];
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// Waits until an expression is true on the page.
    pub(crate) fn until(&mut self, expression: &str) {
        let end = Instant::now() + PATIENCE;
        while self.eval(expression) != "true" {
            let page = "location.href + ' ' + document.documentElement.outerHTML";
            assert!(Instant::now() < end, "never `{expression}`: {}", self.eval(page));
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It closes with all of its processes when told so.
        self.session.clear();
        let _ = self.try_close();
        let _ = self.child.wait();
    }
}

impl Chromium {
    fn try_close(&mut self) -> std::io::Result<()> {
        let message = json!({"id": 0, "method": "Browser.close"});
        self.to.write_all(message.to_string().as_bytes())?;
        self.to.write_all(&[0])
    }
}
