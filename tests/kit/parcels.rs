//! A resource with every kind of field keeps the contract of a resource, and the contract reports a document that does not
//! agree with the rules of the server.

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use portcullis::{
    component::Component,
    operations,
    operations::Operations,
    prelude::*,
    product::Product,
    store::{Tables, constraints::Constraint},
    testkit::{
        Backend, Server, UserOwnedResource, block_on, json, user_owned_resource,
        user_owned_resource::{
            create_returns_the_item_and_its_location, create_with_an_invalid_field_is_rejected,
            update_changes_only_the_given_fields, update_with_an_invalid_field_is_rejected,
        },
    },
};

use super::notebook;

const SQLITE: EmbeddedMigrations = embed_migrations!("tests/kit/parcels/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("tests/kit/parcels/postgres");

const CONSTRAINTS: &[Constraint] =
    &[Constraint::own_user("parcels_user_id_fkey"), Constraint::own_user("labels_user_id_fkey")];

// The name and the scope are those of the other product: a process has one product.
fn of(operations: Operations) -> Product {
    let tables = Tables {
        component: "parcels",
        version: "1.0.0",
        sqlite: &SQLITE,
        postgres: &POSTGRES,
        constraints: &[CONSTRAINTS],
    };
    let component = notebook::with_scope(Component::new("parcels"));
    let component = component.operations(operations).tables(tables);
    Product::new("Notebook", "1.0.0").with(component)
}

stored_enum! {
    /// The size of a parcel.
    pub enum Size in parcels.size {
        /// It fits into a letterbox.
        Small,
        /// It needs two hands.
        VeryLarge,
    }
}

resource! {
    /// A parcel.
    pub struct Parcel in parcels {
        /// Who gets it.
        #[validate(custom(function = "portcullis::fields::line::<60>"))]
        #[schema(min_length = 1, max_length = 60, example = "Ada")]
        recipient_name: String,
        /// Optional text.
        #[schema(example = "Ring twice.")]
        note: Option<String>,
        /// An enum.
        size: Stored<Size>,
        /// An optional enum.
        former_size: Option<Stored<Size>>,
        /// An enum with a default.
        first_size: Stored<Size> = Size::VeryLarge,
        /// A yes or no with a default.
        #[schema(example = true)]
        fragile: bool = false,
        /// A number with a default.
        #[schema(example = 2)]
        pieces: i32 = 1,
        /// A large number.
        #[schema(example = 2_500)]
        grams: i64,
        /// A type that is followed by its SQL type.
        #[validate(range(min = -3, max = 300, message = "must be -3 to 300"))]
        #[schema(minimum = -3, maximum = 300, example = 4)]
        floor: i16 as SmallInt,
        /// A number with a fraction.
        #[schema(example = 1.5)]
        height: f64,
        /// A date.
        sent_on: Date,
        /// An optional point in time.
        seen_at: Option<Timestamp>,
    }
    /// A parcel to create.
    create CreateParcel,
    /// The changes to a parcel.
    update UpdateParcel,
    operations "/api/parcels" of "a parcel", "parcels" {
        list list_parcels,
        create create_parcel,
        show show_parcel,
        update update_parcel,
        delete delete_parcel,
    }
}

fn parcels() -> Product {
    of(operations! {
        gated { list_parcels, create_parcel, show_parcel, update_parcel, delete_parcel }
    })
}

user_owned_resource!(contract: parcels, "/api/parcels", "recipientName");

portcullis::test_on_both_databases!(omitted_fields_have_their_defaults, |backend| {
    let server = Server::start(parcels(), backend).await;
    let ada = server.sign_up("ada").await;
    let body = json!({
        "recipientName": "Grace", "size": "small", "grams": 1, "floor": 0, "height": 0.5, "sentOn": "2026-12-01"
    });
    let parcel = ada.browser.post("/api/parcels", body).await.expect(201);
    assert_eq!(parcel["firstSize"], "very-large");
    assert_eq!(parcel["fragile"], false);
    assert_eq!(parcel["pieces"], 1);
    for field in ["note", "formerSize", "seenAt"] {
        assert_eq!(parcel.get(field), Some(&json!(null)), "{parcel}");
    }
});

/// A product whose document and rules disagree about one of two fields.
macro_rules! labels {
    ($($name:ident { $(#[$text:meta])* text, $(#[$copies:meta])* copies } fails $($test:ident),+;)+) => {$(
        mod $name {
            use super::*;

            resource! {
                /// A label.
                pub struct Label in labels {
                    /// What is written on it.
                    $(#[$text])*
                    text: String,
                    /// How often it is printed.
                    $(#[$copies])*
                    copies: i32,
                }
                /// A label to create.
                create CreateLabel,
                /// The changes to a label.
                update UpdateLabel,
                operations "/api/labels" of "a label", "labels" {
                    list list_labels,
                    create create_label,
                    show show_label,
                    update update_label,
                    delete delete_label,
                }
            }

            struct Labels;

            impl UserOwnedResource for Labels {
                fn product() -> Product {
                    of(operations! {
                        gated { list_labels, create_label, show_label, update_label, delete_label }
                    })
                }

                const PATH: &'static str = "/api/labels";
                const LABEL: &'static str = "text";
            }

            $(
                #[test]
                #[should_panic = "assertion"]
                fn $test() {
                    block_on(super::$test::<Labels>(Backend::Sqlite));
                }
            )+
        }
    )+};
}

labels! {
    text_that_the_document_allows_to_be_longer {
        #[validate(length(max = 50, message = "is too long"))]
        #[schema(max_length = 51, example = "Fragile")]
        text,
        #[schema(example = 1)]
        copies
    } fails create_returns_the_item_and_its_location, update_changes_only_the_given_fields;

    text_whose_limit_is_not_in_the_document {
        #[validate(length(max = 50, message = "is too long"))]
        #[schema(example = "Fragile")]
        text,
        #[schema(example = 1)]
        copies
    } fails create_returns_the_item_and_its_location, update_changes_only_the_given_fields;

    text_that_must_not_be_empty_which_is_not_in_the_document {
        #[validate(length(min = 1, message = "is empty"))]
        #[schema(example = "Fragile")]
        text,
        #[schema(example = 1)]
        copies
    } fails create_returns_the_item_and_its_location, update_changes_only_the_given_fields;

    text_without_the_rule_of_the_document {
        #[schema(min_length = 1, max_length = 50, example = "Fragile")]
        text,
        #[schema(example = 1)]
        copies
    } fails create_with_an_invalid_field_is_rejected, update_with_an_invalid_field_is_rejected;

    number_whose_limit_is_not_in_the_document {
        #[schema(example = "Fragile")]
        text,
        #[validate(range(min = 1, message = "must be at least 1"))]
        #[schema(example = 1)]
        copies
    } fails create_returns_the_item_and_its_location, update_changes_only_the_given_fields;

    number_without_the_rule_of_the_document {
        #[schema(example = "Fragile")]
        text,
        #[schema(minimum = 1, maximum = 10, example = 1)]
        copies
    } fails create_with_an_invalid_field_is_rejected, update_with_an_invalid_field_is_rejected;
}
