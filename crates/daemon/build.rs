//! Lists the files of the web UI, so that they are compiled into the daemon.
//!
//! What `npm run build` left in `web/dist` is taken as it is; where nothing was built the list is empty, and the daemon
//! says how to build it. Node is never called from here.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let dist = root.join("../../web/dist");
    // Always there: git keeps the empty folder. Cargo looks at every file below it.
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    // What is compiled in is a copy: the folder may be built anew while the compiler reads.
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let copies = out.join("web");
    if copies.is_dir() {
        fs::remove_dir_all(&copies)?;
    }
    fs::create_dir_all(&copies)?;
    let mut copied = 0;
    let mut include = |path: &Path| -> io::Result<String> {
        copied += 1;
        let copy = copies.join(copied.to_string());
        fs::copy(path, &copy)?;
        Ok(format!("include_bytes!({:?})", copy.display().to_string()))
    };
    let mut files = Vec::new();
    if dist.is_dir() {
        walk(&dist, &mut files)?;
    }
    files.sort();
    let mut table = String::from("static FILES: &[File] = &[\n");
    for file in &files {
        let name = file.strip_prefix(&dist).map_err(io::Error::other)?;
        let packed = |ending: &str| {
            let mut path = file.clone().into_os_string();
            path.push(ending);
            PathBuf::from(path)
        };
        let plain = include(file)?;
        let mut maybe = |path: &Path| match path.is_file() {
            true => Ok(format!("Some({})", include(path)?)),
            false => Ok::<_, io::Error>("None".to_owned()),
        };
        let (brotli, gzip) = (maybe(&packed(".br"))?, maybe(&packed(".gz"))?);
        writeln!(
            table,
            "File {{ path: {:?}, plain: {plain}, brotli: {brotli}, gzip: {gzip} }},",
            format!("/{}", name.display()),
        )
        .map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    fs::write(out.join("web.rs"), table)
}

/// The files that are served: neither their packed forms nor what begins with a dot.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name.ends_with(".br") || name.ends_with(".gz") {
            continue;
        }
        if path.is_dir() { walk(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
