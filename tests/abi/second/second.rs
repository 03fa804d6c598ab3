//! A second static library made by Rust, whole with its copy of the standard library.

/// 1 if a panic is caught in here.
#[unsafe(no_mangle)]
pub extern "C" fn second_catches() -> i32 {
    std::panic::set_hook(Box::new(|_| {}));
    std::panic::catch_unwind(|| panic!("caught")).is_err().into()
}
