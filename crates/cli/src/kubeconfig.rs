//! The file of `kubectl`: entries of ours put in and taken out, everything else left as it was.
//!
//! The file is read as values, not as a type of ours, so that what we do not know of stays. It is written as a whole,
//! beside the old one, and readable by its owner alone: other entries may hold secrets.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::Error;
use crate::home::write_whole;

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// The lists of a kubeconfig, each of entries with a `name`.
const LISTS: [&str; 3] = ["clusters", "users", "contexts"];

/// A kubeconfig.
#[derive(Debug)]
pub struct Kubeconfig {
    path: PathBuf,
    root: Map<String, Value>,
}

/// One context of ours, with the cluster and the user of the same name.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What stands under `cluster`.
    pub cluster: Value,
    /// What stands under `user`.
    pub user: Value,
    /// The namespace, if one is chosen.
    pub namespace: Option<String>,
}

impl Kubeconfig {
    /// Reads the file that `kubectl` writes to: the first of `$KUBECONFIG` that is there, else its first, else
    /// `~/.kube/config`.
    ///
    /// # Errors
    /// It cannot be read, or is no kubeconfig: then it is not written either.
    pub fn load(cx: &Context) -> Result<Self, Error> {
        let path = find(cx)?;
        let damaged = |why: String| {
            Error::usage(format!("`{}` is no kubeconfig, so it is left alone", path.display()))
                .hint(format!("line or key: {why}"))
                .hint("mend it, or name another one with KUBECONFIG")
        };
        let cannot = |error: std::io::Error| {
            Error::usage(format!("cannot read `{}`", path.display())).because(error)
        };
        let text = match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(cannot(error)),
            Ok(found) if found.len() > MAX_FILE => {
                return Err(damaged(format!("it is larger than {MAX_FILE} bytes")));
            }
            Ok(_) => std::fs::read_to_string(&path).map_err(cannot)?,
        };
        let root = if text.trim().is_empty() {
            Map::new()
        } else {
            let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
            match serde_saphyr::from_str_with_options(&text, options) {
                Ok(Value::Object(root)) => root,
                Ok(Value::Null) => Map::new(),
                Ok(_) => return Err(damaged("it is not a map".to_owned())),
                Err(error) => return Err(damaged(error.to_string())),
            }
        };
        for list in LISTS {
            if !matches!(root.get(list), None | Some(Value::Null | Value::Array(_))) {
                return Err(damaged(format!("`{list}` is no list")));
            }
        }
        Ok(Self { path, root })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts an entry in, in place of one of the same name.
    pub fn put(&mut self, entry: Entry) {
        let Entry { name, cluster, user, namespace } = entry;
        let mut context = json!({ "cluster": name, "user": name });
        if let (Some(namespace), Some(context)) = (namespace, context.as_object_mut()) {
            context.insert("namespace".to_owned(), namespace.into());
        }
        for (list, field, value) in [
            ("clusters", "cluster", cluster),
            ("users", "user", user),
            ("contexts", "context", context),
        ] {
            let entries = self.list(list);
            entries.retain(|one| one.get("name").and_then(Value::as_str) != Some(&name));
            let mut one = Map::new();
            one.insert("name".to_owned(), name.clone().into());
            one.insert(field.to_owned(), value);
            entries.push(Value::Object(one));
        }
        for (key, value) in [("apiVersion", "v1"), ("kind", "Config")] {
            self.root.entry(key).or_insert_with(|| value.into());
        }
    }

    /// Makes a context the one that counts.
    pub fn choose(&mut self, name: &str) {
        self.root.insert("current-context".to_owned(), name.into());
    }

    /// Takes out the entries whose users run `tsh` as we write it, of the clusters `chosen`; the names of those taken.
    pub fn remove(&mut self, chosen: impl Fn(&str) -> bool) -> Vec<String> {
        let names: Vec<String> = self
            .list("users")
            .iter()
            .filter(|user| is_ours(user))
            .filter_map(|user| user.get("name")?.as_str())
            .filter(|name| chosen(name))
            .map(str::to_owned)
            .collect();
        for list in LISTS {
            self.list(list).retain(|one| {
                one.get("name")
                    .and_then(Value::as_str)
                    .is_none_or(|name| !names.iter().any(|gone| gone == name))
            });
        }
        let current = self.root.get("current-context").and_then(Value::as_str);
        if current.is_some_and(|current| names.iter().any(|gone| gone == current)) {
            self.root.insert("current-context".to_owned(), "".into());
        }
        names
    }

    /// Writes it: all of it or nothing, for its owner alone.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn save(&self) -> Result<(), Error> {
        let text = serde_saphyr::to_string(&self.root)
            .map_err(|error| Error::internal("cannot write a kubeconfig").because(error))?;
        // A link stays one: what it points to is written.
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| {
                Error::internal(format!("cannot make `{}`", folder.display())).because(error)
            })?;
        }
        write_whole(&path, text.as_bytes(), 0o600)
    }

    fn list(&mut self, name: &str) -> &mut Vec<Value> {
        let list = self.root.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if !list.is_array() {
            *list = Value::Array(Vec::new());
        }
        #[expect(clippy::unreachable, reason = "it was made one in the line above")]
        let Value::Array(list) = list else { unreachable!() };
        list
    }
}

/// Whether a user's entry is one that we wrote.
fn is_ours(user: &Value) -> bool {
    let args = user.pointer("/user/exec/args").and_then(Value::as_array);
    args.is_some_and(|args| {
        let mut words = args.iter().filter_map(Value::as_str);
        words.next() == Some("kube") && words.next() == Some("credentials")
    })
}

fn find(cx: &Context) -> Result<PathBuf, Error> {
    if let Some(paths) = cx.env("KUBECONFIG") {
        let paths: Vec<PathBuf> =
            std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()).collect();
        let there = paths.iter().find(|path| path.exists());
        if let Some(path) = there.or_else(|| paths.first()) {
            return Ok(path.clone());
        }
    }
    let home = cx.env("HOME").ok_or_else(|| {
        Error::usage("neither HOME nor KUBECONFIG says where the kubeconfig lies")
    })?;
    Ok(Path::new(&home).join(".kube/config"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kubeconfig(dir: &Path, text: &str) -> Result<Kubeconfig, Error> {
        let path = dir.join("config");
        std::fs::write(&path, text).unwrap();
        let named = path.display().to_string();
        let sink = || crate::output::Output::to(Box::new(std::io::sink()));
        let named = move |name: &str| (name == "KUBECONFIG").then(|| named.clone());
        let clock = Box::new(|| jiff::Timestamp::UNIX_EPOCH);
        let (input, named) = (Box::new(std::io::empty()), Box::new(named));
        Kubeconfig::load(&Context::of_parts(sink(), sink(), dir, input, named, clock))
    }

    fn entry(name: &str) -> Entry {
        let exec = json!({"command": "tsh", "args": ["kube", "credentials"]});
        Entry {
            name: name.to_owned(),
            cluster: json!({"server": "https://gw:3080/kube/prod"}),
            user: json!({"exec": exec}),
            namespace: None,
        }
    }

    const OTHERS: &str = "apiVersion: v1\nkind: Config\nextensions: [{name: x, extension: {on: 'yes', n: '012'}}]\nclusters:\n- name: home\n  cluster: {server: 'https://home:6443'}\nusers:\n- name: home\n  user: {token: 'no', password: \"1e3\"}\ncontexts:\n- name: home\n  context: {cluster: home, user: home}\ncurrent-context: home\n";

    #[test]
    fn what_others_wrote_stays() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let mut config = kubeconfig(dir.path(), OTHERS).unwrap();
        let before = config.root.clone();
        config.put(entry("prod@main"));
        config.choose("prod@main");
        config.put(entry("prod@main"));
        config.save().unwrap();
        let path = config.path().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut read = kubeconfig(dir.path(), &text).unwrap();
        assert_eq!(read.root["users"][0]["user"], json!({"token": "no", "password": "1e3"}));
        assert_eq!(read.root["clusters"].as_array().unwrap().len(), 2);
        assert_eq!(read.root["current-context"], "prod@main");
        assert_eq!(read.remove(|_| true), ["prod@main"]);
        let mut after = read.root.clone();
        assert_eq!(after.insert("current-context".into(), "home".into()), Some("".into()));
        assert_eq!(after, before);
    }

    #[test]
    fn what_is_no_kubeconfig_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["- a\n", "clusters: {}\n", "{", "a: &a [*a]"] {
            assert!(kubeconfig(dir.path(), text).is_err(), "{text}");
        }
        assert!(kubeconfig(dir.path(), "").is_ok());
    }
}
