//! Which room (workspace member) may use which, and which outside crates a room must not name.
//!
//! Only what ships counts: `[dependencies]` and `[build-dependencies]`, those for one target too. Tests may use what
//! they like.

use crate::{repo::Repo, violation::Violation};
use toml::{Table, Value};

const RULE: &str = "crate edges";

/// One row of the table of rooms in docs/architecture.md.
struct Room {
    path: &'static str,
    may_use: &'static [&'static str],
    never: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    Room { path: "domain", may_use: &[], never: &["sqlx", "tokio", "axum", "reqwest", "rand", "uuid"] },
    Room { path: "store", may_use: &["domain"], never: &["axum"] },
    Room { path: "projections", may_use: &["domain", "store"], never: &["axum", "reqwest"] },
    Room { path: "api", may_use: &["domain", "store", "projections"], never: &["sqlx", "bollard"] },
    Room { path: "workers", may_use: &["domain", "store", "projections"], never: &["axum", "sqlx"] },
    Room { path: "meter", may_use: &["domain", "store"], never: &[] },
    Room { path: "sandbox", may_use: &[], never: &["sqlx", "cqrs-es"] },
    Room {
        path: "bench",
        may_use: &["domain", "store", "projections", "api", "workers", "meter"],
        never: &[],
    },
    Room {
        path: ".",
        may_use: &["domain", "store", "projections", "api", "workers", "meter", "sandbox"],
        never: &[],
    },
];

pub(crate) fn check(repo: &Repo) -> Vec<Violation> {
    let root = manifest(repo, ".");
    let shared = table(&root, &["workspace", "dependencies"]);
    let members: Vec<(&str, Table)> = member_paths(&root).map(|path| (path, manifest(repo, path))).collect();
    // A room is known by its folder, a dependency by its package's name.
    let room_of =
        |package: &str| members.iter().find(|(_, m)| name(m) == Some(package)).map(|(path, _)| *path);

    let mut found = Vec::new();
    for (path, manifest) in &members {
        let file = manifest_path(path);
        let Some(room) = ROOMS.iter().find(|room| room.path == *path) else {
            let advice =
                "this workspace member is in no row: say in tests/structure/edges.rs what it may use";
            found.push(Violation::file(&file, RULE, advice));
            continue;
        };
        for package in dependencies(manifest, shared) {
            if room.never.contains(&package) {
                let advice =
                    format!("`{path}` must not use `{package}`: move what needs it to a room that may");
                found.push(Violation::file(&file, RULE, advice));
            }
            if let Some(used) = room_of(package).filter(|used| !room.may_use.contains(used)) {
                let may = room.may_use.join(", ");
                let advice = format!(
                    "`{path}` must not use `{used}` (only: {may}): turn the edge round, or move the code"
                );
                found.push(Violation::file(&file, RULE, advice));
            }
        }
    }
    found
}

fn member_paths(root: &Table) -> impl Iterator<Item = &str> {
    let members = root.get("workspace").and_then(|w| w.get("members")).and_then(Value::as_array);
    members.into_iter().flatten().filter_map(Value::as_str)
}

fn manifest_path(member: &str) -> String {
    if member == "." { "Cargo.toml".to_owned() } else { format!("{member}/Cargo.toml") }
}

fn manifest(repo: &Repo, member: &str) -> Table {
    let path = manifest_path(member);
    let text = repo.text(&path).unwrap_or_else(|| panic!("{path} is missing"));
    text.parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn name(manifest: &Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

fn table<'a>(manifest: &'a Table, keys: &[&str]) -> Option<&'a Table> {
    keys.iter().try_fold(manifest, |table, key| table.get(*key)?.as_table())
}

/// The packages' own names, whatever the manifest calls them.
fn dependencies<'a>(manifest: &'a Table, shared: Option<&'a Table>) -> Vec<&'a str> {
    let targets =
        table(manifest, &["target"]).into_iter().flat_map(Table::values).filter_map(Value::as_table);
    std::iter::once(manifest)
        .chain(targets)
        .flat_map(|of| [table(of, &["dependencies"]), table(of, &["build-dependencies"])])
        .flatten()
        .flatten()
        .map(|(key, value)| {
            let renamed = |value: &'a Value| value.get("package").and_then(Value::as_str);
            renamed(value).or_else(|| shared?.get(key).and_then(renamed)).unwrap_or(key)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = r#"
        [workspace]
        members = ["domain", "store", "api"]
        [workspace.dependencies]
        store = { package = "servelink-store", path = "store" }
    "#;

    /// What the rule says to these dependencies of api, and to this table of domain's manifest.
    fn advice(domain: &str, api: &str) -> Vec<String> {
        let domain = format!("[package]\nname = \"servelink-domain\"\n{domain}");
        let api = format!("[package]\nname = \"servelink-api\"\n[dependencies]\n{api}");
        let store = "[package]\nname = \"servelink-store\"";
        let repo = Repo::of(&[
            ("Cargo.toml", ROOT),
            ("domain/Cargo.toml", &domain),
            ("store/Cargo.toml", store),
            ("api/Cargo.toml", &api),
        ]);
        check(&repo).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn a_permitted_edge_is_silent() {
        assert_eq!(advice("", "store.workspace = true\nserde = \"1\""), [""; 0]);
    }

    #[test]
    fn a_forbidden_room_is_found_under_its_workspace_name() {
        let found = advice("[dependencies]\nstore.workspace = true", "");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("domain/Cargo.toml: [crate edges] `domain` must not use `store`"));
    }

    #[test]
    fn a_forbidden_crate_is_found_renamed_and_for_one_target() {
        let renamed = advice("", "db = { package = \"sqlx\", version = \"0.8\" }");
        assert!(renamed[0].contains("`api` must not use `sqlx`"));
        let for_one_target = advice("[target.'cfg(unix)'.dependencies]\nrand = \"0.9\"", "");
        assert!(for_one_target[0].contains("`domain` must not use `rand`"));
    }

    #[test]
    fn a_test_may_use_what_it_likes() {
        assert_eq!(advice("[dev-dependencies]\ntokio = \"1\"\nstore.workspace = true", ""), [""; 0]);
    }

    #[test]
    fn a_member_without_a_row_is_found() {
        let repo = Repo::of(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"attic\"]"),
            ("attic/Cargo.toml", "[package]\nname = \"servelink-attic\""),
        ]);
        assert_eq!(check(&repo)[0].file, "attic/Cargo.toml");
    }
}
