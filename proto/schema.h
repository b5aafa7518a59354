/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Versions, limits and sizes of what goes over the link (design 8). proto/README.md is the prose.
 */

#define PROTO_VERSION 1

#define DEFAULT_PORT 32070

/* One message, as JSON. Larger bodies are cut into chunks by their sender. */
#define MESSAGE_BYTES_MAX 16384

/* What nanomsg lets in at all (NN_RCVMAXSIZE); anything longer drops the connection. */
#define FRAME_BYTES_MAX 20480

#define STEP_ID_MAX        80   /* "r7-1a2b3c4d-m1-2": see step_id_format */
#define VERSION_MAX        64   /* a DC/OS version, "2.1.0" */
#define URL_MAX            512  /* of a script or a package */
#define REASON_MAX         512  /* one line for a person */
#define CURSOR_MAX         256  /* a journal cursor */
#define UNIT_MAX           128  /* a unit name */
#define TAIL_MAX           2048 /* journal lines in a report */
#define OP_MAX             33   /* an operation id: 32 hex digits */
#define KEY_SIZE           32   /* every key of the channel, in bytes */
#define KEY_TEXT_MAX       65   /* the same as text: 64 hex digits */
#define SIGNATURE_TEXT_MAX 129  /* of an Ed25519 signature: 128 hex digits */
#define CLUSTER_ID_MAX     64   /* /var/lib/dcos/cluster-id: a UUID */
#define TOKEN_ID_SIZE      8    /* the public part of a join token, in bytes */
#define FENCE_MAX          ((UINT64_C(1) << 53) - 1)
#define EPOCH_MAX          FENCE_MAX
#define MASTERS_MAX        9
#define STEPS_CLAIM_MAX    64   /* steps a node keeps, and tells when it is claimed */
#define CHECK_NAME_MAX     32   /* "mesos-master" */
#define SUBJECT_MAX        64   /* whom a question is about, when it is not the node itself */
#define IAM_TOKEN_MAX      4096 /* of the IAM: a JWT, which at most says much of its account */
#define WATCH_MAX          104  /* questions that one node is to ask */
#define EVIDENCE_MAX       2048 /* of one sample */
#define SAMPLE_NUMBERS_MAX 24
#define SAMPLE_TEXTS_MAX   8
#define CHUNK_BYTES_MAX    4500                          /* of bulk in one message */
#define CHUNK_TEXT_MAX     (CHUNK_BYTES_MAX / 3 * 4 + 1) /* the same as base64 */
