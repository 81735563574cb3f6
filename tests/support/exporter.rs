//! A metrics page whose text the test controls: one request per connection, so that stopping it really stops it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub struct Exporter {
    pub address: SocketAddr,
    page: Arc<Mutex<String>>,
    serving: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Serves `page` on a free loopback port.
    pub async fn serving(page: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut exporter = Self {
            address: listener.local_addr().unwrap(),
            page: Arc::new(Mutex::new(page.to_owned())),
            serving: None,
        };
        exporter.accept(listener);
        exporter
    }

    /// Another page from the next scrape on.
    pub fn set(&self, page: &str) {
        page.clone_into(&mut self.page.lock().unwrap());
    }

    /// Connections are refused from here on.
    pub async fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            // The listener closes when the task is gone.
            let _ = serving.await;
        }
    }

    /// Serves again at the same address.
    pub async fn start(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.accept(listener);
    }

    fn accept(&mut self, listener: TcpListener) {
        let page = Arc::clone(&self.page);
        self.serving = Some(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let body = page.lock().unwrap().clone();
                // A scraper that goes away in between is none of the exporter's business.
                let _ = answer(stream, &body).await;
            }
        }));
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

async fn answer(mut stream: TcpStream, body: &str) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
    let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
