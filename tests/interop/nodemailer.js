// Hands one message to a server: node nodemailer.js OPTIONS, a JSON object of a transport, an envelope and a file.
"use strict";
const fs = require("fs");
const nodemailer = require("nodemailer");
const { transport, envelope, file } = JSON.parse(process.argv[2]);

nodemailer
  .createTransport(transport)
  .sendMail({ envelope, raw: fs.readFileSync(file) })
  .then((sent) => console.log(JSON.stringify({ response: sent.response, accepted: sent.accepted })))
  .catch((error) => {
    console.error(`${error.code} ${error.response || error.message}`);
    process.exitCode = 1;
  });
