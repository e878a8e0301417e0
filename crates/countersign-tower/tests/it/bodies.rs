//! What goes in comes out, byte for byte, and once.

use bytes::Bytes;
use countersign_tower::VerifiedBody;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::*;

#[tokio::test]
async fn a_body_of_one_frame_goes_on_uncopied() {
    let receiver = Receiver::new();
    let body = Bytes::from(vec![b'x'; 512]);
    let sent = body.as_ptr();

    send(layer(policy()).layer(receiver.clone()), signed(body)).await;

    assert_eq!(receiver.inbox.bodies()[0].as_ptr(), sent);
}

#[tokio::test]
async fn a_body_of_many_frames_arrives_whole() {
    let receiver = Receiver::new();
    let frames = ["", "he", "", "l", "lo", ""];

    let request = with_body(signed("hello"), Frames::data(frames));
    let answer = send(layer(policy()).layer(receiver.clone()), request).await;

    assert_eq!(answer.status(), 202);
    assert_eq!(receiver.inbox.bodies(), ["hello"]);
}

#[tokio::test]
async fn an_empty_body_is_a_body() {
    let receiver = Receiver::new();

    let request = with_body(signed(""), Frames::data::<Bytes>([]));
    let answer = send(layer(policy()).layer(receiver.clone()), request).await;

    assert_eq!(answer.status(), 202);
    assert_eq!(receiver.inbox.bodies(), [""]);
}

#[tokio::test]
async fn bytes_that_are_not_text_arrive_as_they_were_sent() {
    let receiver = Receiver::new();
    let body: Bytes = (0..=255).collect::<Vec<u8>>().into();

    send(
        layer(policy()).layer(receiver.clone()),
        signed(body.clone()),
    )
    .await;

    assert_eq!(receiver.inbox.bodies(), [body]);
}

#[tokio::test]
async fn trailers_are_dropped_and_a_signature_in_them_counts_for_nothing() {
    let genuine = signed("hello");
    let mut trailers = HeaderMap::new();
    trailers.insert(HEADER, genuine.headers()[HEADER].clone());
    let body = || {
        let data = Frame::data(Bytes::from("hello"));
        Frames::new([Ok(data), Ok(Frame::trailers(trailers.clone()))])
    };

    let receiver = Receiver::new();
    let request = with_body(genuine, body());
    let answer = send(layer(policy()).layer(receiver.clone()), request).await;
    assert_eq!(answer.status(), 202);
    assert_eq!(receiver.inbox.bodies(), ["hello"]);

    let mut unsigned = with_body(signed("hello"), body());
    unsigned.headers_mut().remove(HEADER);
    assert_eq!(refused(policy(), unsigned).await.status(), 401);
}

#[tokio::test]
async fn a_verified_body_is_a_body_of_one_frame() {
    let inner = service_fn(|request: Request<VerifiedBody>| async move {
        let mut body = request.into_body();
        assert_eq!(body.size_hint().exact(), Some(5));
        assert!(!body.is_end_stream());
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "hello");
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });

    let answer = send(layer(policy()).layer(inner), signed("hello")).await;

    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_verified_body_does_not_print_what_was_sent() {
    let inner = service_fn(|request: Request<VerifiedBody>| async move {
        let printed = format!("{:?}", request.body());
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(printed)))
    });

    let answer = send(layer(policy()).layer(inner), signed("hello")).await;

    assert!(answer.text().contains("orders"), "{}", answer.text());
    assert!(!answer.text().contains("hello"), "{}", answer.text());
}

#[tokio::test]
async fn the_answer_of_the_inner_service_is_streamed_as_it_is() {
    let inner = service_fn(|_: Request<VerifiedBody>| async move {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("7"));
        let frames = [Ok(Frame::data("ab".into())), Ok(Frame::trailers(trailers))];
        Ok::<_, std::convert::Infallible>(Response::new(Frames::new(frames)))
    });

    let service = layer(policy()).layer(inner);
    let mut body = service.oneshot(signed("hello")).await.unwrap().into_body();

    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "ab");
    let second = body.frame().await.unwrap().unwrap();
    assert_eq!(second.into_trailers().unwrap()["x-sum"], "7");
    assert!(body.frame().await.is_none());
}
