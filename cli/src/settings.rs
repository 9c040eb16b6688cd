//! What the global flags mean, with the environment and the defaults.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wattle_client::Client;

use crate::args::GlobalArgs;
use crate::failure::Failure;

/// Settings of every command.
#[derive(Debug)]
pub(crate) struct Settings {
    urls: Vec<String>,
    data_dir: Option<PathBuf>,
    /// The key file that was named.
    pub(crate) key: Option<PathBuf>,
    /// Where the passphrase is read from.
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Whether nothing may be asked.
    pub(crate) no_input: bool,
    /// How long to wait for an outcome.
    pub(crate) timeout: Duration,
}

impl Settings {
    /// Flags before environment before defaults.
    pub(crate) fn resolve(
        global: &GlobalArgs,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Settings, Failure> {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let urls = if global.url.is_empty() {
            let listed = env("WATTLE_URL").unwrap_or_default();
            let listed = listed.into_string().map_err(|_| {
                Failure::usage(
                    "WATTLE_URL is not UTF-8",
                    "set it like http://127.0.0.1:8080",
                )
            })?;
            let urls = listed
                .split(',')
                .map(str::trim)
                .filter(|url| !url.is_empty());
            urls.map(str::to_owned).collect()
        } else {
            global.url.clone()
        };
        let absolute = |path: PathBuf| path.is_absolute().then_some(path);
        let default_dir = || {
            // The XDG base directory specification: a relative path counts as unset.
            let xdg = env("XDG_DATA_HOME").map(PathBuf::from).and_then(absolute);
            let home = || env("HOME").map(|home| PathBuf::from(home).join(".local/share"));
            xdg.or_else(home).map(|base| base.join("wattle"))
        };
        let path = |flag: &Option<PathBuf>, name: &str| {
            flag.clone().or_else(|| env(name).map(PathBuf::from))
        };
        Ok(Settings {
            urls,
            data_dir: path(&global.data_dir, "WATTLE_DATA_DIR").or_else(default_dir),
            key: global.key.clone(),
            passphrase_file: path(&global.passphrase_file, "WATTLE_PASSPHRASE_FILE"),
            no_input: global.no_input,
            timeout: Duration::from_secs(global.timeout),
        })
    }

    /// The nodes' addresses.
    pub(crate) fn urls(&self) -> Result<&[String], Failure> {
        if self.urls.is_empty() {
            return Err(Failure::usage(
                "no node's address was given",
                "give --url http://HOST:PORT or set WATTLE_URL",
            ));
        }
        Ok(&self.urls)
    }

    /// A client of the nodes, which asks each of them once.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(self.urls()?)?.with_timeout(self.timeout))
    }

    /// The data folder, which may not be there yet.
    pub(crate) fn data_dir(&self) -> Result<&Path, Failure> {
        self.data_dir.as_deref().ok_or_else(|| {
            Failure::usage(
                "there is no data folder, since neither XDG_DATA_HOME nor HOME is set",
                "give --data-dir DIR",
            )
        })
    }

    /// The named key file, or one of the data folder.
    pub(crate) fn key_path(&self, default_name: &str) -> Result<PathBuf, Failure> {
        match &self.key {
            Some(path) => Ok(path.clone()),
            None => Ok(self.data_dir()?.join(default_name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(global: &GlobalArgs, env: &[(&str, &str)]) -> Settings {
        let lookup = |name: &str| {
            let found = env.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Settings::resolve(global, lookup).unwrap()
    }

    #[test]
    fn flags_beat_the_environment_and_that_beats_the_defaults() {
        let env = [
            ("WATTLE_URL", "http://a:1, http://b:2"),
            ("WATTLE_DATA_DIR", "/env"),
            ("XDG_DATA_HOME", "/xdg"),
            ("HOME", "/home/me"),
        ];
        let none = GlobalArgs::default();
        let settings = resolve(&none, &env);
        assert_eq!(settings.urls().unwrap(), ["http://a:1", "http://b:2"]);
        assert_eq!(settings.data_dir().unwrap(), Path::new("/env"));
        assert_eq!(
            resolve(&none, &env[2..]).data_dir().unwrap(),
            Path::new("/xdg/wattle")
        );
        assert_eq!(
            resolve(&none, &env[3..]).key_path("key.pem").unwrap(),
            Path::new("/home/me/.local/share/wattle/key.pem")
        );
        let flags = GlobalArgs {
            url: vec!["http://c:3".to_owned()],
            data_dir: Some("/flag".into()),
            ..GlobalArgs::default()
        };
        let settings = resolve(&flags, &env);
        assert_eq!(settings.urls().unwrap(), ["http://c:3"]);
        assert_eq!(settings.data_dir().unwrap(), Path::new("/flag"));
    }

    #[test]
    fn what_is_missing_is_named_only_when_it_is_needed() {
        let settings = resolve(&GlobalArgs::default(), &[]);
        assert!(settings.urls().is_err());
        assert!(settings.data_dir().is_err());
    }
}
