"""What a project is made of in AWS: its resources as CloudFormation knows them, and who may do what."""
