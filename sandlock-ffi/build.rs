//! Gives the library the name that programs are linked with. While the major version is 0, a minor
//! version may change the interface, so it is part of the name.

fn main() {
    let minor = std::env::var("CARGO_PKG_VERSION_MINOR").unwrap_or_default();
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libsandlock.so.0.{minor}");
    // Its threads may still run, and hosts' callbacks be under way, when somebody calls dlclose(3).
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rerun-if-changed=build.rs");
}
