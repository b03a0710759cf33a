"""The CloudFormation template, packaging, deploy."""
