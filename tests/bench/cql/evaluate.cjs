// Asks a chart twelve simple questions with cql-execution: nine "is there one" or "how many", three that look at a value.
// Reads the path of a CDS Hooks body from each line of standard input; answers each with a line of JSON: milliseconds,
// and what was found. The model of FHIR is loaded once and is not in the figures.
"use strict";
const fs = require("fs");
const path = require("path");
const readline = require("readline");
const load = (name) => require(path.join(process.argv[2], "node_modules", name));
const cql = load("cql-execution");
const fhir = load("cql-exec-fhir");

const SYSTEMS = { sct: "http://snomed.info/sct", lnc: "http://loinc.org", rxn: "http://www.nlm.nih.gov/research/umls/rxnorm" };
const QUESTIONS = [
  ["breast cancer", "Exists", "Condition", "code", "sct", "254837009"],
  ["spinal metastasis", "Exists", "Condition", "code", "sct", "94274006"],
  ["back pain", "Exists", "Condition", "code", "sct", "161891005"],
  ["cord compression", "Exists", "Condition", "code", "sct", "71286001"],
  ["letrozole", "Exists", "MedicationRequest", "medication", "rxn", "200064"],
  ["spine surgery", "Exists", "Procedure", "code", "sct", "55705006"],
  ["referral to radiotherapy", "Exists", "ServiceRequest", "code", "sct", "306256000"],
  ["calcium results", "Count", "Observation", "code", "lnc", "17861-6"],
  ["creatinine results", "Count", "Observation", "code", "lnc", "2160-0"],
  ["high calcium", "Above", "Observation", "code", "lnc", "17861-6", 9],
  ["high creatinine", "Above", "Observation", "code", "lnc", "2160-0", 1],
  ["high phosphatase", "Above", "Observation", "code", "lnc", "6768-6", 100],
];

const codeSystem = (key) => ({ name: key, id: SYSTEMS[key], accessLevel: "Public" });
const code = ([name, , , , system, value]) => ({ name, id: value, accessLevel: "Public", codeSystem: { name: system } });

function retrieve([name, , type, property]) {
  return {
    type: "Retrieve",
    dataType: `{http://hl7.org/fhir}${type}`,
    codeProperty: property,
    codeComparator: "~",
    codes: { type: "ToList", operand: { type: "CodeRef", name } },
  };
}

function above(question) {
  const value = { type: "Property", scope: "O", path: "value.value.value" };
  const limit = { type: "Literal", valueType: "{urn:hl7-org:elm-types:r1}Decimal", value: String(question[6]) };
  const source = [{ alias: "O", expression: retrieve(question) }];
  const where = { type: "Greater", operand: [value, limit] };
  return { type: "Count", source: { type: "Query", source, relationship: [], where } };
}

function expression(question) {
  if (question[1] === "Above") return above(question);
  const found = retrieve(question);
  return question[1] === "Exists" ? { type: "Exists", operand: found } : { type: "Count", source: found };
}

const elm = {
  library: {
    identifier: { id: "Bench", version: "1.0.0" },
    schemaIdentifier: { id: "urn:hl7-org:elm", version: "r1" },
    usings: { def: [{ localIdentifier: "FHIR", uri: "http://hl7.org/fhir", version: "4.0.1" }] },
    codeSystems: { def: Object.keys(SYSTEMS).map(codeSystem) },
    codes: { def: QUESTIONS.map(code) },
    statements: {
      def: [
        { name: "Patient", context: "Patient", expression: { type: "SingletonFrom", operand: { type: "Retrieve", dataType: "{http://hl7.org/fhir}Patient" } } },
        ...QUESTIONS.map((question) => ({
          name: `asks ${question[0]}`, context: "Patient", accessLevel: "Public", expression: expression(question),
        })),
      ],
    },
  },
};

const source = fhir.PatientSource.FHIRv401();
const executor = new cql.Executor(new cql.Library(elm, new cql.Repository({})));

function bundle(call) {
  const { patient, ...searches } = call.prefetch;
  const entries = Object.values(searches).flatMap((one) => one.entry || []);
  return { resourceType: "Bundle", type: "collection", entry: [{ resource: patient }, ...entries] };
}

async function evaluate(file) {
  const text = fs.readFileSync(file, "utf8");
  const began = performance.now();
  const call = JSON.parse(text);
  source.reset();
  source.loadBundles([bundle(call)]);
  const found = Object.values((await executor.exec(source)).patientResults)[0];
  const milliseconds = performance.now() - began;
  delete found.Patient;
  return { milliseconds, found };
}

(async () => {
  for await (const file of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await evaluate(file)));
  }
})();
