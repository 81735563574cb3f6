//! The HAProxy router against a real HAProxy, and against sockets that misbehave.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/haproxy.rs"]
mod haproxy;
#[path = "support/peers.rs"]
mod peers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use assize::router::haproxy::HaproxyRouter;
use assize::router::{Router, RouterError, Split};
use assize::rules::model::HaproxyRule;
use assize::sample::{Colour, Weight};
use haproxy::Haproxy;
use peers::colour_server;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

const SHOP: &str = "backend shop\n balance roundrobin\n \
                    server blue1 127.0.0.1:9 weight 100\n server green1 127.0.0.1:9 weight 0\n";

fn colour(name: &str) -> Colour {
    Colour::new(name).unwrap()
}

fn to_green(percent: f64) -> Split {
    Split { colour: colour("green"), weight: Weight::from_percent(percent).unwrap() }
}

fn rule(socket: String, blue: &[&str], green: &[&str]) -> HaproxyRule {
    HaproxyRule {
        socket,
        backend: "shop".into(),
        servers: [blue, green].map(|names| names.iter().map(ToString::to_string).collect()),
        timeout_ms: 5_000,
    }
}

fn router(rule: &HaproxyRule) -> HaproxyRouter {
    HaproxyRouter::new(rule, [colour("blue"), colour("green")]).unwrap()
}

fn shop_router(haproxy: &Haproxy) -> HaproxyRouter {
    router(&rule(haproxy.socket_rule(), &["blue1"], &["green1"]))
}

/// Server weights as HAProxy itself tells them.
fn weights(haproxy: &Haproxy) -> Vec<String> {
    let state = haproxy.command("show servers state shop");
    let rows = state.lines().skip(2).filter(|line| !line.is_empty());
    rows.map(|row| {
        let fields: Vec<&str> = row.split(' ').collect();
        format!("{}={}", fields[3], fields[7])
    })
    .collect()
}

fn answer(error: RouterError) -> String {
    match error {
        RouterError::Answer(text) | RouterError::NoTraffic(text) => text,
        other => panic!("not an answer: {other}"),
    }
}

/// Sets, and checks that what is read is what was promised.
async fn set_and_read(router: &HaproxyRouter, split: &Split) -> Weight {
    router.set(split).await.unwrap();
    let first = router.read().await.unwrap().first.unwrap();
    assert_eq!(first.rest(), router.achievable(split), "{split:?}");
    first
}

#[tokio::test]
async fn every_percentage_is_set_exactly() {
    let haproxy = Haproxy::start(SHOP);
    let router = shop_router(&haproxy);
    for percent in [0_u16, 1, 5, 25, 50, 99, 100, 0] {
        let first = set_and_read(&router, &to_green(percent.into())).await;
        assert_eq!(first, Weight::from_basis_points(10_000 - 100 * percent));
        let wanted = [format!("blue1={}", 100 - percent), format!("green1={percent}")];
        assert_eq!(weights(&haproxy), wanted);
    }
    let to_blue = Split { colour: colour("blue"), weight: Weight::from_percent(37.0).unwrap() };
    router.set(&to_blue).await.unwrap();
    assert_eq!(router.achievable(&to_blue), to_blue.weight);
    assert_eq!(weights(&haproxy), ["blue1=37", "green1=63"]);
}

#[tokio::test]
async fn fractions_come_as_near_as_haproxy_allows() {
    let haproxy = Haproxy::start(SHOP);
    let router = shop_router(&haproxy);
    let first = set_and_read(&router, &to_green(0.5)).await;
    assert_eq!(
        (first.basis_points(), weights(&haproxy)),
        (9_950, vec!["blue1=199".into(), "green1=1".into()])
    );
    let first = set_and_read(&router, &to_green(0.01)).await;
    assert_eq!(first.basis_points(), 9_961);
}

#[tokio::test]
async fn several_servers_share_their_colours_weight() {
    let haproxy = Haproxy::start(
        "backend shop\n balance roundrobin\n server b1 127.0.0.1:9\n server b2 127.0.0.1:9\n \
         server g1 127.0.0.1:9 weight 0\n server g2 127.0.0.1:9 weight 0\n server g3 127.0.0.1:9 weight 0\n \
         server canary 127.0.0.1:9 weight 0\n",
    );
    let router = router(&rule(haproxy.socket_rule(), &["b1", "b2"], &["g1", "g2", "g3"]));
    for percent in [0_u16, 1, 5, 25, 50, 99, 100] {
        let first = set_and_read(&router, &to_green(percent.into())).await;
        assert_eq!(first, Weight::from_basis_points(10_000 - 100 * percent));
    }
    assert_eq!(weights(&haproxy)[..2], ["b1=0", "b2=0"]);
    assert_eq!(weights(&haproxy)[5], "canary=0", "a server of no colour is left alone");
}

#[tokio::test]
async fn the_tcp_socket_does_as_well() {
    let haproxy = Haproxy::start(SHOP);
    let router = router(&rule(haproxy.admin.to_string(), &["blue1"], &["green1"]));
    assert_eq!(set_and_read(&router, &to_green(25.0)).await.basis_points(), 7_500);
}

#[tokio::test]
async fn restart_and_reload_show_as_another_incarnation() {
    let mut haproxy = Haproxy::start(SHOP);
    let router = shop_router(&haproxy);
    router.set(&to_green(50.0)).await.unwrap();
    let before = router.read().await.unwrap();
    assert_eq!(router.read().await.unwrap(), before, "stable while it runs");

    haproxy.restart();
    let restarted = router.read().await.unwrap();
    assert_eq!(restarted.first, Some(Weight::ALL), "the configured weights are back");
    assert_ne!(restarted.incarnation, before.incarnation);

    router.set(&to_green(50.0)).await.unwrap();
    haproxy.reload();
    let reloaded = router.read().await.unwrap();
    assert_eq!(reloaded.first, Some(Weight::ALL));
    assert_ne!(reloaded.incarnation, restarted.incarnation);
    assert!(reloaded.incarnation.is_some());
}

#[tokio::test]
async fn traffic_is_split_as_set() {
    let (blue, green) = (colour_server("blue").await, colour_server("green").await);
    let haproxy = Haproxy::start(&format!(
        "backend shop\n balance roundrobin\n server blue1 {blue} weight 100\n server green1 {green} weight 0\n"
    ));
    let router = shop_router(&haproxy);
    let client = assize::client::builder().build().unwrap();
    for percent in [0_u16, 25, 100] {
        router.set(&to_green(percent.into())).await.unwrap();
        let mut greens = 0_u16;
        for _ in 0..1000 {
            let answer = client.get(format!("http://{}/", haproxy.front)).send().await.unwrap();
            greens += u16::from(answer.text().await.unwrap() == "green");
        }
        // HAProxy keeps one wheel for each of its threads, so a window may be off by a turn of each.
        assert!(greens.abs_diff(percent * 10) <= 10, "{percent}%: {greens} of 1000");
    }
}

#[tokio::test]
async fn unknown_names_are_told_with_those_that_exist() {
    let haproxy = Haproxy::start(SHOP);
    let wrong = router(&rule(haproxy.socket_rule(), &["blue1"], &["gren1"]));
    for error in [wrong.read().await.unwrap_err(), wrong.set(&to_green(1.0)).await.unwrap_err()] {
        let text = answer(error);
        assert!(text.contains("`shop/gren1`") && text.contains("blue1, green1"), "{text}");
    }
    assert_eq!(weights(&haproxy), ["blue1=100", "green1=0"], "nothing was touched");

    let mut other = rule(haproxy.socket_rule(), &["blue1"], &["green1"]);
    other.backend = "shoop".into();
    let text = answer(router(&other).read().await.unwrap_err());
    assert!(text.contains("`shoop`") && text.contains("shop"), "{text}");

    let split = Split { colour: colour("red"), weight: Weight::ALL };
    let text = answer(shop_router(&haproxy).set(&split).await.unwrap_err());
    assert!(text.contains("red") && text.contains("blue and green"), "{text}");
}

#[tokio::test]
async fn a_refused_weight_is_quoted_with_its_remedy() {
    let haproxy = Haproxy::start(
        "backend shop\n balance static-rr\n server blue1 127.0.0.1:9 weight 100\n server green1 127.0.0.1:9 weight 0\n",
    );
    let text = answer(shop_router(&haproxy).set(&to_green(5.0)).await.unwrap_err());
    for part in ["shop/green1 weight 5", "static LB algorithm", "`balance roundrobin`"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn the_last_serving_colour_is_not_emptied_for_one_that_is_out() {
    let haproxy = Haproxy::start(SHOP);
    let router = shop_router(&haproxy);
    haproxy.command("set server shop/green1 state maint");
    let text = answer(router.set(&to_green(100.0)).await.unwrap_err());
    assert!(text.contains("green1") && text.contains("state ready"), "{text}");
    assert_eq!(weights(&haproxy), ["blue1=100", "green1=0"]);
    haproxy.command("set server shop/green1 state ready");
    router.set(&to_green(100.0)).await.unwrap();
}

#[tokio::test]
async fn all_weights_zero_is_an_error_that_set_repairs() {
    let haproxy = Haproxy::start(SHOP);
    let router = shop_router(&haproxy);
    haproxy.command("set server shop/blue1 weight 0");
    let text = answer(router.read().await.unwrap_err());
    assert!(text.contains("weight 0"), "{text}");
    assert_eq!(set_and_read(&router, &to_green(0.0)).await, Weight::ALL);
}

#[tokio::test]
async fn a_dead_or_missing_socket_is_refused_with_its_path() {
    let mut haproxy = Haproxy::start(SHOP);
    let router = shop_router(&haproxy);
    haproxy.stop();
    let Err(RouterError::Refused { at, why }) = router.read().await else {
        panic!("a dead socket answered");
    };
    assert_eq!(at, haproxy.socket_rule());
    assert!(why.contains("is HAProxy running"), "{why}");
}

/// A TCP socket that says `answer` to whoever connects and then closes, or keeps silent when there is none.
async fn odd_socket(answer: Option<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            match &answer {
                Some(answer) => {
                    // The question first, so that closing does not reset the connection.
                    let mut question = [0; 256];
                    let _ = stream.read(&mut question).await;
                    let _ = stream.write_all(answer).await;
                }
                None => silent.push(stream),
            }
        }
    });
    address
}

/// A socket that speaks as HAProxy does, notes every weight it is told and keeps it if it `obeys`.
async fn noting_socket(obeys: bool) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let book = Arc::clone(&notes);
    tokio::spawn(async move {
        let mut weights =
            BTreeMap::from([("blue1".to_owned(), "100".to_owned()), ("green1".to_owned(), "0".to_owned())]);
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut question = String::new();
            stream.read_line(&mut question).await.unwrap();
            let words: Vec<&str> = question.split_whitespace().collect();
            let answer = if let ["set", "server", server, "weight", weight] = words[..] {
                let server = server.trim_start_matches("shop/");
                book.lock().unwrap().push(format!("{server}={weight}"));
                if obeys {
                    weights.insert(server.into(), weight.into());
                }
                "\n".to_owned()
            } else {
                let row = |(name, weight)| format!("{name} 2 0 {weight}");
                let rows: Vec<String> = weights.iter().map(row).collect();
                let rows = rows.join("\n");
                format!("1\n# srv_name srv_op_state srv_admin_state srv_uweight\n{rows}\n\nPid: 7\n\n")
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, notes)
}

#[tokio::test]
async fn weights_go_up_before_others_go_down() {
    let (at, notes) = noting_socket(true).await;
    let router = router(&rule(at, &["blue1"], &["green1"]));
    for percent in [100.0, 0.0, 25.0, 25.0] {
        router.set(&to_green(percent)).await.unwrap();
    }
    // The last one changes nothing and so says nothing.
    let wanted = ["green1=100", "blue1=0", "blue1=100", "green1=0", "green1=25", "blue1=75"];
    assert_eq!(*notes.lock().unwrap(), wanted);
}

#[tokio::test]
async fn a_weight_that_did_not_take_is_an_error() {
    let (at, _) = noting_socket(false).await;
    let router = router(&rule(at, &["blue1"], &["green1"]));
    let text = answer(router.set(&to_green(5.0)).await.unwrap_err());
    assert!(text.contains("accepted weight 95 for `shop/blue1` but has 100"), "{text}");
}

#[tokio::test]
async fn a_socket_that_never_answers_times_out() {
    let mut rule = rule(odd_socket(None).await, &["blue1"], &["green1"]);
    rule.timeout_ms = 50;
    assert_eq!(router(&rule).read().await, Err(RouterError::TimedOut(50)));
    assert_eq!(router(&rule).set(&to_green(1.0)).await, Err(RouterError::TimedOut(50)));
}

#[tokio::test]
async fn garbage_is_an_error_that_quotes_it() {
    for (garbage, says) in [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "400 Bad Request"),
        (b"Permission denied\n".to_vec(), "Permission denied"),
        (vec![0xff; 40], "`"),
        (Vec::new(), "without an answer"),
        (vec![b'x'; 2 << 20], "more than 1048576 bytes"),
    ] {
        let router = router(&rule(odd_socket(Some(garbage)).await, &["blue1"], &["green1"]));
        let text = answer(router.read().await.unwrap_err());
        assert!(text.contains(says) && text.len() < 1_000, "{text}");
    }
}

#[test]
fn names_that_would_be_commands_are_rejected() {
    for (blue, green) in [("b1;disable", "g1"), ("b 1", "g1"), ("", "g1"), ("b1", "b1")] {
        let rule = rule("s".into(), &[blue], &[green]);
        let made = HaproxyRouter::new(&rule, [colour("blue"), colour("green")]);
        assert!(made.is_err(), "{blue} {green}");
    }
}
