//! `security.tls`, against HTTPS servers of our own. `database-tls` is among the database rows.

use std::net::TcpListener;

use serde_json::json;

use super::Deployment;
use crate::support::site::Site;

const HSTS: &str = "strict-transport-security: max-age=31536000; includeSubDomains\r\n";
/// A loopback address on which nobody else listens.
const HOST: &str = "127.83.19.7";

#[test]
fn tls() {
    let mut here = Deployment::new();
    here.parameter("public_host", HOST);
    let point = |here: &mut Deployment, days, header: &str| {
        let site = Site::start(here.directory.path(), days, header);
        here.target("public", json!({ "address": format!("https://localhost:{}", site.port), "ca": site.ca }));
        site
    };
    const ITEM: &str = "security.tls.api-tls";
    point(&mut here, 5, HSTS);
    here.expect("certificate for 5 days", &[(ITEM, "fail", "tls_expiring", "")]);
    point(&mut here, 90, "");
    here.expect("no HSTS", &[(ITEM, "fail", "assertion", "strict-transport-security")]);
    point(&mut here, 90, "strict-transport-security: max-age=300\r\n");
    here.expect("HSTS for five minutes", &[(ITEM, "fail", "assertion", "max-age=300")]);
    let good = point(&mut here, 90, HSTS);
    here.expect("all is well", &[(ITEM, "pass", "", "")]);
    let open = TcpListener::bind((HOST, 3000)).unwrap();
    here.expect("port 3000 in the clear", &[(ITEM, "fail", "assertion", "3000")]);
    drop(open);
    let other = Site::start(here.directory.path(), 90, HSTS);
    here.target("public", json!({ "address": format!("https://localhost:{}", good.port), "ca": other.ca }));
    here.expect("certificate of a stranger", &[(ITEM, "fail", "tls_untrusted", "")]);

    // Its last parts are not built: never a pass, but the built ones can fail it.
    const HOPS: &str = "security.tls.inter-service";
    here.parameter("tls_hops", json!(["otlp"]));
    here.target("otlp", json!({ "address": format!("localhost:{}", good.port), "ca": good.ca }));
    here.expect("the built part holds", &[(HOPS, "unknown", "unmapped", "not built yet")]);
    here.target("otlp", json!({ "address": format!("localhost:{}", good.port), "ca": other.ca }));
    here.expect("a hop with a stranger's certificate", &[(HOPS, "fail", "tls_untrusted", "")]);
    here.parameter("tls_hops", json!(["etcd"]));
    here.target("etcd", json!({ "address": format!("localhost:{}", good.port), "ca": good.ca }));
    here.expect("no client certificate is asked for", &[(HOPS, "fail", "auth_accepted", "client certificate")]);
}
