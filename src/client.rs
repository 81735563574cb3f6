//! The HTTP client that sources and probes share: one TLS stack, no proxy from the environment, no redirects followed.

use std::sync::Once;

static TLS: Once = Once::new();

/// A client builder with the settings that every outgoing request of the daemon wants.
///
/// Redirects are not followed: a probe that is redirected has not seen the page, and a metrics server that redirects
/// is not the one that was configured.
pub fn builder() -> reqwest::ClientBuilder {
    TLS.call_once(|| {
        // Fails only if another provider is installed already, and then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("assize/", env!("CARGO_PKG_VERSION")))
}
