#!/bin/sh
# Makes the test certificates anew, in this folder: sh make.sh   (OpenSSL 1.1.1 or later; README.md says what they are)
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/index"
cat > "$work/ca.conf" <<END
[ ca ]
default_ca = test
[ test ]
new_certs_dir = $work
database = $work/index
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[ any ]
commonName = supplied
[ authority ]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[ server ]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:mx.example.com, DNS:*.mx.example.com, DNS:mx, DNS:localhost, IP:10.0.0.1, IP:10.0.0.25, IP:fd00::1, IP:127.0.0.1
[ client ]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:client.example.net
END

# certificate NAME COMMON-NAME KEY-FILE OPTION...
certificate() {
    name=$1 common=$2 key=$3
    shift 3
    openssl req -new -newkey rsa:2048 -nodes -subj "/CN=$common" -keyout "$key" -out "$work/$name.csr" 2> "$work/log"
    openssl ca -batch -notext -config "$work/ca.conf" -extensions "$name" -in "$work/$name.csr" -out "$name.pem" \
        -startdate 20200101000000Z -enddate 21200101000000Z "$@" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
}
certificate authority "Test authority of momentum-trio" "$work/ca.key" -selfsign -keyfile "$work/ca.key"
certificate server mx.example.com server.key -cert authority.pem -keyfile "$work/ca.key"
certificate client client.example.net client.key -cert authority.pem -keyfile "$work/ca.key"
chmod 644 server.key client.key
