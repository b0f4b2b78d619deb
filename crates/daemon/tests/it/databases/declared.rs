//! Databases that stand in the daemon's configuration.

use crate::house::{House, run};
use std::os::unix::fs::PermissionsExt as _;

const TWO: &str = "\
kind: db
version: v1
metadata: {name: orders, labels: {env: prod}}
spec: {protocol: postgres, uri: 'db-1:5432'}
---
kind: db
version: v1
metadata: {name: wiki}
spec: {protocol: mysql, uri: 'db-2:3306', auth: {method: password, passwords: {app: hunter2}}}
";

#[test]
fn databases_of_the_configuration_are_there_from_the_start_and_changed_there() {
    let mut house = House::build();
    let file = house.dir.path().join("databases.yaml");
    let write = |text: &str, mode: u32| {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let config = house.dir.path().join("countersign.yaml");
    std::fs::write(&config, format!("databases_file: {}\n", file.display())).unwrap();
    house.config = Some(config);

    // What is wrong is told with its line, and nothing is started.
    for (text, mode, told) in [
        (
            TWO,
            0o644,
            "databases.yaml: document 2, line 6: it holds a password, and everybody on this machine can read this file",
        ),
        (TWO, 0o606, "everybody on this machine can write it"),
        (
            "kind: db\nversion: v1\nmetadata: {name: orders}\nspec: {protocol: oracle, uri: 'a:1'}\n",
            0o600,
            "databases.yaml: line 4",
        ),
    ] {
        write(text, mode);
        let ended = run(&mut house.command(), "");
        assert_eq!(ended.status, 1, "{}", ended.err);
        assert!(ended.err.contains(told), "{}", ended.err);
    }

    write(TWO, 0o600);
    house.start();
    let listed = house.tctl(&["db", "ls"]).ok().out;
    assert!(listed.contains("orders") && listed.contains("wiki"), "{listed}");
    let refused = house.tctl(&["db", "rm", "wiki"]);
    assert_ne!(refused.status, 0);
    assert!(refused.err.contains("stands in the daemon's configuration"), "{}", refused.err);
    assert!(refused.err.contains("databases_file"), "{}", refused.err);

    // Taken out of the file it is gone at the next start; the other stays.
    house.stop();
    write(TWO.split("---").next().unwrap(), 0o644);
    house.start();
    let listed = house.tctl(&["db", "ls"]).ok().out;
    assert!(listed.contains("orders") && !listed.contains("wiki"), "{listed}");
}
