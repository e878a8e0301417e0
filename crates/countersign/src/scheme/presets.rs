//! The schemes that come with the crate: values of the description language.

use super::SchemeError;
use super::description::{
    Description, Grammar, IdForm, KeyEncoding, KeyForm, MethodForm, Place, Rule, Sign,
    SignatureForm, TimestampForm,
};
use super::notation::List;
use crate::Unit;
use crate::encoding::Encoding;
use crate::mac::Digest;

type Preset = Result<Description, SchemeError>;

/// Every preset, in the order of the names.
pub(super) fn all() -> impl Iterator<Item = Preset> {
    [
        designer_cloud(),
        github(),
        slack(),
        standard_webhooks(),
        stripe(),
        svix(),
        workflow(),
    ]
    .into_iter()
}

fn designer_cloud() -> Preset {
    Ok(Description {
        name: "designer-cloud".into(),
        window: None,
        sign: Sign::ByMethod(vec![
            MethodForm {
                methods: vec!["POST".parse()?, "PUT".parse()?, "PATCH".parse()?],
                message: "{timestamp}.{body}".parse()?,
            },
            MethodForm {
                methods: vec!["GET".parse()?, "DELETE".parse()?],
                message: "{timestamp}.{url}".parse()?,
            },
        ]),
        signature: hex("header:X-Webhook-Signature", Grammar::Pairs(','))?,
        timestamp: Some(TimestampForm {
            from: places(["pair:t"])?,
            unit: Unit::Milliseconds,
        }),
        id: None,
        rules: vec![hmac_sha256("sha256")],
    })
}

fn github() -> Preset {
    Ok(Description {
        name: "github".into(),
        window: None,
        sign: Sign::Always("{body}".parse()?),
        signature: hex(
            "header:X-Hub-Signature-256",
            Grammar::Prefix("sha256=".into()),
        )?,
        timestamp: None,
        id: None,
        rules: vec![unlabelled_hmac_sha256()],
    })
}

fn slack() -> Preset {
    Ok(Description {
        name: "slack".into(),
        window: None,
        sign: Sign::Always("v0:{timestamp}:{body}".parse()?),
        signature: hex("header:X-Slack-Signature", Grammar::Prefix("v0=".into()))?,
        timestamp: Some(TimestampForm {
            from: places(["header:X-Slack-Request-Timestamp"])?,
            unit: Unit::Seconds,
        }),
        id: None,
        rules: vec![unlabelled_hmac_sha256()],
    })
}

fn standard_webhooks() -> Preset {
    standard(
        "standard-webhooks",
        places(["header:webhook-id"])?,
        places(["header:webhook-timestamp"])?,
        places(["header:webhook-signature"])?,
    )
}

fn stripe() -> Preset {
    Ok(Description {
        name: "stripe".into(),
        window: None,
        sign: Sign::Always("{timestamp}.{body}".parse()?),
        signature: hex("header:Stripe-Signature", Grammar::Pairs(','))?,
        timestamp: Some(TimestampForm {
            from: places(["pair:t"])?,
            unit: Unit::Seconds,
        }),
        id: None,
        rules: vec![hmac_sha256("v1")],
    })
}

fn svix() -> Preset {
    standard(
        "svix",
        places(["header:svix-id", "header:webhook-id"])?,
        places(["header:svix-timestamp", "header:webhook-timestamp"])?,
        places(["header:svix-signature", "header:webhook-signature"])?,
    )
}

fn workflow() -> Preset {
    Ok(Description {
        name: "workflow".into(),
        window: None,
        sign: Sign::Always("{body}".parse()?),
        signature: hex("header:X-Webhook-Signature", Grammar::Bare)?,
        timestamp: None,
        id: None,
        rules: vec![unlabelled_hmac_sha256()],
    })
}

/// The scheme of the Standard Webhooks specification, under the given names of headers.
fn standard(name: &str, id: List<Place>, timestamp: List<Place>, signature: List<Place>) -> Preset {
    Ok(Description {
        name: name.into(),
        window: None,
        sign: Sign::Always("{id}.{timestamp}.{body}".parse()?),
        signature: SignatureForm {
            from: signature,
            grammar: Grammar::Labels,
            encoding: Encoding::Base64,
            repeated: false,
        },
        timestamp: Some(TimestampForm {
            from: timestamp,
            unit: Unit::Seconds,
        }),
        id: Some(IdForm { from: id }),
        rules: vec![
            Rule {
                label: List(vec!["v1a".into()]),
                digest: Digest::Ed25519,
                key: KeyForm {
                    encoding: KeyEncoding::Base64,
                    prefix: Some("whpk_".into()),
                    optional: false,
                },
            },
            Rule {
                label: List(vec!["v1".into()]),
                digest: Digest::HmacSha256,
                key: KeyForm {
                    encoding: KeyEncoding::Base64,
                    prefix: Some("whsec_".into()),
                    optional: true,
                },
            },
        ],
    })
}

fn places<const N: usize>(texts: [&str; N]) -> Result<List<Place>, SchemeError> {
    texts
        .into_iter()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map(List)
}

fn hex(place: &str, grammar: Grammar) -> Result<SignatureForm, SchemeError> {
    let from = places([place])?;
    Ok(SignatureForm {
        from,
        grammar,
        encoding: Encoding::Hex,
        repeated: false,
    })
}

fn hmac_sha256(label: &str) -> Rule {
    Rule {
        label: List(vec![label.into()]),
        ..unlabelled_hmac_sha256()
    }
}

fn unlabelled_hmac_sha256() -> Rule {
    Rule {
        label: List::default(),
        digest: Digest::HmacSha256,
        key: KeyForm::default(),
    }
}
