// SPDX-License-Identifier: Apache-2.0
// Sigstore's JavaScript library: bundles signed with it against a certificate authority and a log of its own mock, on
// loopback, and bundles verified with it. Run where node_modules is found by NODE_PATH.
//
// sign DIRECTORY STATEMENT FILE: writes the trust material and bundles of every form there.
// verify BUNDLE FILE|- [key=PEM | roots=PEM at=SECONDS] [identity=NAME] [log=yes trust=DIRECTORY]: `at` is for a bundle
// without a signed time, which alone it does not judge.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { bundleFromJSON, bundleToJSON } = require('@sigstore/bundle');
const mock = require('@sigstore/mock');
const { TrustedRoot } = require('@sigstore/protobuf-specs');
const { DSSEBundleBuilder, FulcioSigner, MessageSignatureBundleBuilder, RekorWitness } = require('@sigstore/sign');
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');

const TYPE = 'application/vnd.in-toto+json';
const IDENTITY = 'https://ci.example/build.yml@refs/heads/main';
const ISSUER = 'https://issuer.example';
const LOG = 'https://log.example';

const sha256 = (data) => crypto.createHash('sha256').update(data).digest();
const ecKeys = () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (der) => `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END CERTIFICATE-----\n`;

// What the log keeps of what it is offered; the mock would log the offer itself.
function asLogged(body) {
	const entry = JSON.parse(body);
	if (entry.kind === 'intoto') delete entry.spec.content.envelope.payload;
	if (entry.kind !== 'dsse') return JSON.stringify(entry);
	const { envelope, verifiers } = entry.spec.proposedContent;
	const { payload, signatures } = JSON.parse(envelope);
	const hash = (data) => ({ algorithm: 'sha256', value: sha256(data).toString('hex') });
	entry.spec = {
		envelopeHash: hash(envelope),
		payloadHash: hash(Buffer.from(payload, 'base64')),
		signatures: signatures.map((s) => ({ signature: s.sig, verifier: verifiers[0] })),
	};
	return JSON.stringify(entry);
}

async function services() {
	const keys = { ca: ecKeys(), ct: ecKeys(), log: ecKeys() };
	const ct = await mock.initializeCTLog(keys.ct);
	const ca = await mock.initializeCA(keys.ca, ct);
	const log = await mock.initializeTLog(LOG, keys.log);
	const fulcio = mock.fulcioHandler(ca);
	const rekor = mock.rekorHandler(log);
	const server = http.createServer((request, response) => {
		const parts = [];
		request.on('data', (part) => parts.push(part));
		request.on('end', async () => {
			const body = Buffer.concat(parts).toString();
			const answer = await (request.url === rekor.path ? rekor.fn(asLogged(body)) : fulcio.fn(body));
			response.writeHead(answer.statusCode, { 'Content-Type': answer.contentType || 'text/plain' });
			response.end(answer.response);
		});
	});
	await new Promise((done) => server.listen(0, '127.0.0.1', done));
	return { ca, ct, log, server, url: `http://127.0.0.1:${server.address().port}` };
}

// As JSON, in the form of Sigstore's trusted_root.json.
function trustedRoot(made) {
	const always = { start: new Date(0).toISOString() };
	const authority = (der, id, url) => ({
		baseUrl: url,
		hashAlgorithm: 'SHA2_256',
		publicKey: { rawBytes: der.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: always },
		logId: { keyId: id.toString('base64') },
	});
	return {
		mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
		tlogs: [authority(made.log.publicKey, sha256(made.log.publicKey), LOG)],
		ctlogs: [authority(made.ct.publicKey, made.ct.logID, 'https://ct.example')],
		certificateAuthorities: [rootAuthority(made.ca.rootCertificate)],
	};
}
const rootAuthority = (der) => ({
	certChain: { certificates: [{ rawBytes: der.toString('base64') }] },
	validFor: { start: new Date(0).toISOString() },
});

async function sign(directory, statement, file) {
	const made = await services();
	const write = (name, data) => fs.writeFileSync(path.join(directory, name), data);
	const token = (claims) => ['{"alg":"none"}', JSON.stringify(claims), 'x'].map((s) => Buffer.from(s).toString('base64url')).join('.');
	const signer = new FulcioSigner({
		fulcioBaseURL: made.url,
		identityProvider: { getToken: async () => token({ iss: ISSUER, sub: IDENTITY }) },
		retry: false,
	});
	const own = ecKeys();
	const keyPem = own.publicKey.export({ format: 'pem', type: 'spki' });
	const keySigner = {
		sign: async (data) => ({
			signature: crypto.sign('sha256', data, own.privateKey),
			key: { $case: 'publicKey', publicKey: keyPem, hint: 'own' },
		}),
	};
	const witness = (entryType) => new RekorWitness({ rekorBaseURL: made.url, entryType, retry: false });
	const dsse = { data: fs.readFileSync(statement), type: TYPE };
	const message = { data: fs.readFileSync(file) };
	const builds = {
		'dsse-certificate': [new DSSEBundleBuilder({ signer, witnesses: [witness('dsse')] }), dsse],
		'dsse-chain': [new DSSEBundleBuilder({ signer, witnesses: [witness('dsse')], certificateChain: true }), dsse],
		'dsse-intoto': [new DSSEBundleBuilder({ signer, witnesses: [witness('intoto')] }), dsse],
		'dsse-key': [new DSSEBundleBuilder({ signer: keySigner, witnesses: [witness('dsse')] }), dsse],
		'dsse-key-unlogged': [new DSSEBundleBuilder({ signer: keySigner, witnesses: [] }), dsse],
		'dsse-unlogged': [new DSSEBundleBuilder({ signer, witnesses: [] }), dsse],
		'message-certificate': [new MessageSignatureBundleBuilder({ signer, witnesses: [witness()] }), message],
		'message-key': [new MessageSignatureBundleBuilder({ signer: keySigner, witnesses: [witness()] }), message],
	};
	for (const [name, [builder, artifact]] of Object.entries(builds))
		write(`${name}.json`, JSON.stringify(bundleToJSON(await builder.create(artifact))));
	made.server.close();
	const spki = made.log.publicKey;
	write('own.pub', keyPem);
	fs.mkdirSync(path.join(directory, 'roots'));
	write('roots/ca.pem', pem(made.ca.rootCertificate));
	write('log.vkey', `${new URL(LOG).host}+${sha256(spki).toString('hex').slice(0, 8)}+${Buffer.concat([Buffer.from([2]), spki]).toString('base64')}`);
	write('trusted_root.json', JSON.stringify(trustedRoot(made)));
}

function verify(bundlePath, file, ...rest) {
	const options = Object.fromEntries(rest.map((text) => text.split(/=(.*)/s)));
	const bundle = bundleFromJSON(JSON.parse(fs.readFileSync(bundlePath)));
	const root = options.trust ? JSON.parse(fs.readFileSync(path.join(options.trust, 'trusted_root.json'))) : {};
	if (options.roots) root.certificateAuthorities = [rootAuthority(new crypto.X509Certificate(fs.readFileSync(options.roots)).raw)];
	const keys = options.key
		? () => ({ publicKey: crypto.createPublicKey(fs.readFileSync(options.key)), validFor: () => true })
		: undefined;
	const logged = options.log === 'yes' ? 1 : 0;
	const entity = toSignedEntity(bundle, file === '-' ? undefined : fs.readFileSync(file));
	if (options.at)
		entity.timestamps.push({ $case: 'transparency-log', tlogEntry: { integratedTime: options.at, inclusionPromise: {}, logId: { keyId: Buffer.alloc(32) } } });
	const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(root), keys), {
		tlogThreshold: logged,
		timestampThreshold: logged,
		ctlogThreshold: options.trust ? 1 : 0,
	});
	const policy = options.identity
		? { subjectAlternativeName: options.identity, extensions: { issuer: ISSUER } }
		: undefined;
	verifier.verify(entity, policy);
	console.log('verified');
}

async function main([command, ...rest]) {
	if (command === 'sign') await sign(...rest);
	else verify(...rest);
}
main(process.argv.slice(2)).catch((error) => {
	console.error(`refused: ${error.name}: ${error.code || ''} ${error.message}`);
	process.exit(1);
});
