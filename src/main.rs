//! The `assize` command: see [`assize::cli`].

fn main() -> assize::cli::exit::Exit {
    assize::cli::main()
}
